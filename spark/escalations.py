"""The job of the escalations: from the topic `incident_alerts` to `incident_escalations`.

`alerting.escalation` decides. Escalations are sent before Spark commits a batch; a repetition sends
them with the same ids. What is no alert goes to the dead-letter topic with its reason.
"""

from __future__ import annotations

import threading
from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery
from pyspark.sql.streaming.state import GroupStateTimeout

from firstcause.settings import Settings
from spark.driver.process import ESCALATIONS_JOB
from spark.escalation.batch import EscalationBatch
from spark.escalation.decision import OUTPUT_SCHEMA, STATE_SCHEMA, UNREADABLE, decision
from spark.records.alerts import AlertReader
from spark.session import build_session
from spark.store.dead_letter_writer import DeadLetterWriter
from spark.streaming.job_run import run_job, streaming
from spark.streaming.query import StreamingJob, run, stop_on_signals
from spark.streaming.source import record_stream

JOB: Final = ESCALATIONS_JOB
MAX_ALERTS: Final = 10_000
# Alerts are few. One partition is one Python worker, and one state to keep.
OPTIONS: Final = {"spark.sql.shuffle.partitions": "1"}
# A silent service is decided after the watermark and at most this and a batch more.
TRIGGER: Final = "2 seconds"


def by_service(records: DataFrame) -> DataFrame:
    """Records of the topic of alerts as the decision wants them; plans, runs nothing."""
    read = AlertReader().read(records)
    return read.withColumns(
        {
            "service_name": F.coalesce("service_name", F.lit(UNREADABLE)),
            "received_ms": F.unix_millis("timestamp"),
        }
    )


def escalate_until_stopped(settings: Settings, stop: threading.Event) -> None:
    """Runs the job; see `streaming.run` for how it ends and what it raises."""
    with streaming(settings, JOB) as (checkpoint, progress):
        session = build_session(settings, JOB, OPTIONS)
        dead_letters = DeadLetterWriter(settings, checkpoint, JOB)
        send = EscalationBatch(settings, dead_letters)
        topic = settings.kafka_alerts_topic

        def start() -> StreamingQuery:
            dead_letters.new_run()
            alerts = by_service(record_stream(session, settings, topic, MAX_ALERTS))
            decided = alerts.groupBy("service_name").applyInPandasWithState(
                decision(settings.escalation_watermark_seconds * 1000),
                OUTPUT_SCHEMA,
                STATE_SCHEMA,
                "update",
                GroupStateTimeout.ProcessingTimeTimeout,
            )
            return (
                decided.writeStream.queryName(JOB)
                .outputMode("update")
                .foreachBatch(send)
                .option("checkpointLocation", checkpoint.as_uri())
                .trigger(processingTime=TRIGGER)
                .start()
            )

        run(StreamingJob(JOB, start, topic, checkpoint), settings, progress, stop)
        session.stop()


def main() -> None:
    """Runs the job until it is told to stop; exit code 1 and one clear line on an error."""
    run_job(JOB, lambda settings: escalate_until_stopped(settings, stop_on_signals()))


if __name__ == "__main__":
    main()
