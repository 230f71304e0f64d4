"""The job of the window metrics: what is measured of the topic `logs`, by minutes of event time.

Rows are written before Spark commits a batch, and `spark.windows.batch` says why a repetition
changes nothing. Records that are no log events are left to the store job.
"""

from __future__ import annotations

import threading
from typing import Final

from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery

from firstcause.settings import Settings
from spark.driver.process import WINDOWS_JOB
from spark.session import build_session
from spark.streaming.checkpoint import (
    planned_at_ms,
    query_id,
    watermark_ms,
)
from spark.streaming.connection import check_cassandra, connect_when_there
from spark.streaming.job_run import run_job, streaming
from spark.streaming.query import StreamingJob, run, stop_on_signals
from spark.streaming.source import record_stream
from spark.windows.batch import WindowBatch
from spark.windows.late import LateEvents
from spark.windows.store import WindowStore
from spark.windows.stream import STATE_OPTIONS, EventMeasures

JOB: Final = WINDOWS_JOB
# Of a batch, in the small heap of this driver.
MOST_EVENTS: Final = 50_000


def watch_until_stopped(settings: Settings, stop: threading.Event) -> None:
    """Runs the job; see `streaming.run` for how it ends and what it raises."""
    with streaming(settings, JOB) as (checkpoint, progress):
        topic = settings.kafka_logs_topic
        connected = connect_when_there(settings, topic, WindowStore, progress, stop)
        if connected is None:
            return
        cql, store = connected
        try:
            session = build_session(settings, JOB, STATE_OPTIONS)
            measures = EventMeasures(settings)
            add = WindowBatch(
                store,
                lambda: query_id(checkpoint),
                lambda batch_id: planned_at_ms(checkpoint, batch_id) or 0,
            )
            late = LateEvents(session, settings, store, checkpoint, measures.of)

            def add_batch(events: DataFrame, batch_id: int) -> None:
                add(events, batch_id)
                watermark = watermark_ms(checkpoint, batch_id) or 0
                store.write_progress(query_id(checkpoint), batch_id, watermark)

            def start() -> StreamingQuery:
                check_cassandra(cql)
                most = min(settings.spark_max_events_per_batch, MOST_EVENTS)
                records = record_stream(session, settings, topic, most)
                return (
                    measures.each_once(measures.of(records))
                    .writeStream.queryName(JOB)
                    .foreachBatch(add_batch)
                    .option("checkpointLocation", checkpoint.as_uri())
                    .trigger(processingTime=f"{settings.window_trigger_seconds} seconds")
                    .start()
                )

            job = StreamingJob(
                JOB,
                start,
                topic,
                checkpoint,
                on_look=lambda query: late.look(lambda: _dropped(query)),
            )
            run(job, settings, progress, stop)
            session.stop()
        finally:
            cql.cluster.shutdown()


def _dropped(query: StreamingQuery) -> dict[int, int]:
    """How many rows Spark dropped as late, by batch, of the last hundred."""
    return {
        int(told["batchId"]): sum(
            int(one["numRowsDroppedByWatermark"]) for one in told["stateOperators"]
        )
        for told in query.recentProgress
    }


def main() -> None:
    """Runs the job until it is told to stop; exit code 1 and one clear line on an error."""
    run_job(JOB, lambda settings: watch_until_stopped(settings, stop_on_signals()))


if __name__ == "__main__":
    main()
