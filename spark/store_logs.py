"""The store job: every log event of the topic `logs` into Cassandra, once.

What can't be read goes to the dead-letter topic. Both are done before Spark commits a batch, and
both may be repeated: rows are upserts by identity, dead letters are known by source position.
"""

from __future__ import annotations

import sys
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import orjson
import stamina
import structlog
from cassandra.cluster import DriverException, NoHostAvailable, Session
from pyspark.sql import Column, DataFrame, Observation, SparkSession
from pyspark.sql import functions as F
from pyspark.sql.streaming.query import StreamingQuery

from firstcause import cassandra
from firstcause.errors import FirstcauseError
from firstcause.settings import Settings, load_settings
from firstcause.structured_logging import configure_logging
from spark.checkpoint import CheckpointLock, UnusableCheckpoint
from spark.dead_letters import DeadLetterSink
from spark.log_events import LogEventReader
from spark.progress import ProgressFile, progress_path
from spark.service_activity import ServiceActivityTable, activity_of
from spark.session import build_session, close_connections
from spark.streaming import GIVE_UP_SECONDS, ServiceAway, StreamingJob, run, stop_on_signals

JOB: Final = "store_logs"
CASSANDRA_RETRY_MAX_SECONDS: Final = 3.0
# A partition's consumer has one fetch under way: what waits at its end for half a second (Kafka's
# default) would keep the second reading of a batch waiting as long.
FETCH_WAIT_MS: Final = 10
# So many unreadable records of a batch are looked for by offset.
POSITIONS_MAX: Final = 5_000

log = structlog.get_logger(__name__)


class StoreBatch:
    """Stores one micro-batch; what Spark's `foreachBatch` calls."""

    def __init__(
        self, settings: Settings, activity: ServiceActivityTable, dead_letters: DeadLetterSink
    ) -> None:
        self._settings = settings
        self._activity = activity
        self._dead_letters = dead_letters
        self._reader = LogEventReader()

    def __call__(self, records: DataFrame, batch_id: int) -> None:
        """Writes readable records to Cassandra and the others to the dead-letter topic.

        Blocks until both are durable; raises whatever either raises, and Spark then repeats
        the batch. One pass over the records; where some can't be read, a second one that parses
        only those, unless they are very many.
        """
        events = self._reader.read(records)
        readable = F.col("reason").isNull()
        seen = Observation("seen")
        observed = events.observe(
            seen,
            F.count(F.lit(1)).alias("records"),
            F.count("reason").alias("unreadable"),
            # As text, since py4j hands arrays over as objects of the JVM.
            F.to_json(F.collect_set(F.when(readable, _heard()))).alias("heard"),
            F.to_json(F.collect_list(F.when(~readable, _position()))).alias("positions"),
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
            some = records.where(_is_at(orjson.loads(counts["positions"])))
            # The barrier that the reader asks for, also where all of the batch is read again.
            again = self._reader.read(some).observe(
                "read_again", F.count(F.lit(1)).alias("records")
            )
            self._dead_letters.write(again.where(~readable), batch_id)
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


def _position() -> Column:
    return F.struct("partition", "offset")


def _is_at(positions: Sequence[Mapping[str, int]]) -> Column:
    """Whether a record of the topic is at one of these; true for all when they are very many."""
    if len(positions) > POSITIONS_MAX:
        return F.lit(True)
    offsets: dict[int, list[str]] = defaultdict(list)
    for position in positions:
        offsets[position["partition"]].append(str(position["offset"]))
    # As text: a thousand values one by one would be a thousand calls into the JVM.
    return F.expr(
        " OR ".join(
            f"(partition = {partition} AND offset IN ({', '.join(those)}))"
            for partition, those in offsets.items()
        )
    )


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
        # What a replay of dead letters took back was never sent; and the offset check reads so too.
        .option("kafka.isolation.level", "read_committed")
        .option("kafka.fetch.max.wait.ms", str(FETCH_WAIT_MS))
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


def connect_when_there(
    settings: Settings, progress: ProgressFile, stop: threading.Event
) -> tuple[Session, ServiceActivityTable] | None:
    """Opens Cassandra and prepares what is written; None when `stop` was set while it waited.

    Blocks while Cassandra is away or has no tables yet, 15 minutes at the most, and keeps the
    heartbeat fresh meanwhile.

    Raises:
        FirstcauseError: what was missing still when the time was over.
    """
    for attempt in stamina.retry_context(
        on=FirstcauseError,
        attempts=None,
        timeout=GIVE_UP_SECONDS,
        wait_initial=0.5,
        wait_max=CASSANDRA_RETRY_MAX_SECONDS,
    ):
        with attempt:
            if stop.is_set():
                return None
            progress.write(-1, trigger_active=False)
            session = cassandra.connect(settings)
            try:
                return session, ServiceActivityTable(session)
            except (DriverException, NoHostAvailable) as error:
                session.cluster.shutdown()
                raise FirstcauseError(
                    f"Cassandra cannot take the logs ({error}): run `firstcause migrate`, or look "
                    "at `firstcause status`."
                ) from error
    return None


def check_cassandra(session: Session) -> None:
    """Blocks for seconds at the most.

    Raises:
        ServiceAway: Cassandra does not answer; Spark's jobs would only fail.
    """
    try:
        session.execute("SELECT release_version FROM system.local")
    except (DriverException, NoHostAvailable) as error:
        raise ServiceAway(f"Cassandra does not answer: {error}") from error


def store_until_stopped(settings: Settings, stop: threading.Event) -> None:
    """Runs the job; see `streaming.run` for how it ends and what it raises."""
    checkpoint = settings.checkpoints_dir / JOB
    with CheckpointLock(checkpoint):
        progress = ProgressFile(progress_path(settings, JOB), JOB)
        connected = connect_when_there(settings, progress, stop)
        if connected is None:
            return
        cql, activity = connected
        try:
            session = build_session(settings, JOB)
            dead_letters = DeadLetterSink(settings, checkpoint, JOB)
            store = StoreBatch(settings, activity, dead_letters)

            def start() -> StreamingQuery:
                check_cassandra(cql)
                close_connections(session)
                dead_letters.new_run()
                return start_query(session, settings, checkpoint, store)

            job = StreamingJob(JOB, start, settings.kafka_logs_topic, checkpoint)
            run(job, settings, progress, stop)
            session.stop()
        except UnusableCheckpoint as error:
            progress.write_fatal(str(error))
            raise
        finally:
            cql.cluster.shutdown()


def main() -> None:
    """Runs the job until it is told to stop; exit code 1 and one clear line on an error."""
    settings = load_settings()
    configure_logging(settings)
    try:
        store_until_stopped(settings, stop_on_signals())
    except FirstcauseError as error:
        # One clear line; the traceback would say nothing more.
        log.error("job_failed", job=JOB, error=str(error))  # noqa: TRY400
        sys.exit(1)


if __name__ == "__main__":
    main()
