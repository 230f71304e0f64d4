"""The store job: every log event of the topic `logs` into Cassandra, once.

What can't be read goes to the dead-letter topic. Both are done before Spark commits a batch, and
both may be repeated: rows are upserts by identity, dead letters are known by source position.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import orjson
import structlog
from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from firstcause import cassandra
from firstcause.errors import FirstcauseError
from firstcause.settings import Settings, load_settings
from firstcause.structured_logging import configure_logging
from spark.checkpoint import CheckpointLock
from spark.dead_letters import DeadLetterSink
from spark.log_events import read_log_events
from spark.progress import ProgressFile, progress_path
from spark.service_activity import ServiceActivityTable, activity_of
from spark.session import build_session
from spark.streaming import StreamingJob, run

JOB: Final = "store_logs"

log = structlog.get_logger(__name__)


class StoreBatch:
    """Stores one micro-batch; what Spark's `foreachBatch` calls."""

    def __init__(
        self, settings: Settings, activity: ServiceActivityTable, dead_letters: DeadLetterSink
    ) -> None:
        self._settings = settings
        self._activity = activity
        self._dead_letters = dead_letters

    def __call__(self, records: DataFrame, batch_id: int) -> None:
        """Writes readable records to Cassandra and the others to the dead-letter topic.

        Blocks until both are durable; raises whatever either raises, and Spark then repeats
        the batch. One pass over the records; a second one only where some can't be read.
        """
        events = read_log_events(records)
        readable = F.col("reason").isNull()
        seen = Observation("seen")
        observed = events.observe(
            seen,
            F.count(F.lit(1)).alias("records"),
            F.count("reason").alias("unreadable"),
            # As text, since py4j hands arrays over as objects of the JVM.
            F.to_json(F.collect_set(F.when(readable, _heard()))).alias("heard"),
        )
        (
            observed.where(readable)
            .select("event.*")
            .write.format("org.apache.spark.sql.cassandra")
            .option("keyspace", self._settings.cassandra_keyspace)
            .option("table", "logs")
            .mode("append")
            .save()
        )
        counts = seen.get
        if counts["unreadable"]:
            self._dead_letters.write(events.where(~readable), batch_id)
        self._activity.write(activity_of(_read_heard(counts["heard"])))
        log.info(
            "batch_stored",
            batch_id=batch_id,
            records=counts["records"],
            dead_letters=counts["unreadable"],
        )


def _heard() -> Column:
    second = F.unix_timestamp(F.col("event.timestamp"))
    return F.struct(F.col("event.service_name"), second.alias("second"))


def _read_heard(text: str) -> Iterator[tuple[str, datetime]]:
    for item in orjson.loads(text):
        yield item["service_name"], datetime.fromtimestamp(item["second"], UTC)


def start_query(
    session: SparkSession, settings: Settings, checkpoint: Path, store: StoreBatch
) -> StreamingQuery:
    """Starts the query: bounded batches from the earliest offset or the checkpoint."""
    records = (
        session.readStream.format("kafka")
        .option("kafka.bootstrap.servers", settings.kafka_bootstrap_servers)
        .option("subscribe", settings.kafka_logs_topic)
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", settings.spark_max_events_per_batch)
        .option("failOnDataLoss", "true")
        .load()
        .select("key", "value", "topic", "partition", "offset", "timestamp")
    )
    return (
        records.writeStream.queryName(JOB)
        .foreachBatch(store)
        .option("checkpointLocation", checkpoint.as_uri())
        .trigger(processingTime=f"{settings.spark_trigger_seconds} seconds")
        .start()
    )


def main() -> None:
    """Runs the job until it is told to stop; exit code 1 and one clear line on an error."""
    settings = load_settings()
    configure_logging(settings)
    checkpoint = settings.checkpoints_dir / JOB
    try:
        CheckpointLock(checkpoint).acquire()
        progress = ProgressFile(progress_path(settings, JOB), JOB)
        progress.write(-1, trigger_active=False)
        dead_letters = DeadLetterSink(settings, checkpoint, JOB)
        with cassandra.session(settings) as cql:
            session = build_session(settings, JOB)
            store = StoreBatch(settings, ServiceActivityTable(cql), dead_letters)

            def start() -> StreamingQuery:
                dead_letters.new_run()
                return start_query(session, settings, checkpoint, store)

            run(StreamingJob(JOB, start, checkpoint), settings, progress)
            session.stop()
    except FirstcauseError as error:
        # One clear line; the traceback would say nothing more.
        log.error("job_failed", job=JOB, error=str(error))  # noqa: TRY400
        sys.exit(1)


if __name__ == "__main__":
    main()
