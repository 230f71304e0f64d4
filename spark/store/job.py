"""Runs a job that stores a Kafka topic in a table of Cassandra: start, query, end.

Rows and dead letters are written before Spark commits a batch. Both may be repeated: rows are
upserts by identity, and dead letters are recognised by their source position.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import stamina
import structlog
from cassandra.cluster import DriverException, NoHostAvailable, Session
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from firstcause.errors import FirstcauseError
from firstcause.settings import Settings, load_settings
from firstcause.storage import cassandra
from firstcause.structured_logging import configure_logging
from spark.driver.heartbeat_writer import ProgressFile, progress_path
from spark.session import build_session, close_connections
from spark.store.batch import Content, StoreBatch
from spark.store.dead_letter_meter import DeadLetterMeter
from spark.store.dead_letter_writer import DeadLetterWriter
from spark.streaming.checkpoint import CheckpointLock, UnusableCheckpoint
from spark.streaming.query import GIVE_UP_SECONDS, ServiceAway, StreamingJob, run, stop_on_signals

CASSANDRA_RETRY_MAX_SECONDS: Final = 3.0
# A partition's consumer has one fetch under way: what waits at its end for half a second (Kafka's
# default) would keep the second reading of a batch waiting as long.
FETCH_WAIT_MS: Final = 10

# Of the time after which a batch counts as stalled.
SEARCH_SHARE: Final = 0.6

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class StoreJob:
    """One job.

    Attributes:
        name: also that of its checkpoint, and of the consumer in its dead letters.
        topic: the Kafka topic that it reads.
        max_messages: of one micro-batch, at the most.
        prepare: makes what the job needs of a session with Cassandra; raises the driver's errors
            while the tables are missing.
        content: what is stored, made of that once a Spark session is there.
    """

    name: str
    topic: str
    max_messages: int
    prepare: Callable[[Session], Callable[[], Content]]


def start_query(
    session: SparkSession, settings: Settings, job: StoreJob, checkpoint: Path, store: StoreBatch
) -> StreamingQuery:
    """Starts the query: bounded batches from the earliest offset or the checkpoint."""
    records = (
        session.readStream.format("kafka")
        .option("kafka.bootstrap.servers", settings.kafka_bootstrap_servers)
        .option("subscribe", job.topic)
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", job.max_messages)
        .option("failOnDataLoss", "true")
        # What a replay of dead letters took back was never sent; and the offset check reads so too.
        .option("kafka.isolation.level", "read_committed")
        .option("kafka.fetch.max.wait.ms", str(FETCH_WAIT_MS))
        .load()
        .select("key", "value", "topic", "partition", "offset", "timestamp")
    )
    return (
        records.writeStream.queryName(job.name)
        .foreachBatch(store)
        .option("checkpointLocation", checkpoint.as_uri())
        .trigger(processingTime=f"{settings.spark_trigger_seconds} seconds")
        .start()
    )


def connect_when_there(
    settings: Settings, job: StoreJob, progress: ProgressFile, stop: threading.Event
) -> tuple[Session, Callable[[], Content]] | None:
    """Connects to Cassandra and prepares the statements; None if `stop` was set while waiting.

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
                return session, job.prepare(session)
            except (DriverException, NoHostAvailable) as error:
                session.cluster.shutdown()
                raise FirstcauseError(
                    f"Cassandra cannot take the {job.topic} ({error}): run `firstcause migrate`, "
                    "or look at `firstcause status`."
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


def store_until_stopped(settings: Settings, job: StoreJob, stop: threading.Event) -> None:
    """Runs the job; `spark.streaming.query.run` says how it ends and what it raises."""
    checkpoint = settings.checkpoints_dir / job.name
    with CheckpointLock(checkpoint):
        progress = ProgressFile(progress_path(settings, job.name), job.name)
        connected = connect_when_there(settings, job, progress, stop)
        if connected is None:
            return
        cql, make_content = connected
        try:
            session = build_session(settings, job.name)
            dead_letters = DeadLetterWriter(settings, checkpoint, job.name)
            store = StoreBatch(
                settings,
                make_content(),
                dead_letters,
                check=lambda: check_cassandra(cql),
                search_seconds=SEARCH_SHARE * settings.spark_stall_seconds,
                after_batch=DeadLetterMeter(session, settings).measure_when_due,
            )

            def start() -> StreamingQuery:
                check_cassandra(cql)
                close_connections(session)
                dead_letters.new_run()
                return start_query(session, settings, job, checkpoint, store)

            run(StreamingJob(job.name, start, job.topic, checkpoint), settings, progress, stop)
            session.stop()
        except UnusableCheckpoint as error:
            progress.write_fatal(str(error))
            raise
        finally:
            cql.cluster.shutdown()


def run_until_stopped(job_of: Callable[[Settings], StoreJob]) -> None:
    """Runs the job until it is told to stop; exit code 1 and one clear line on an error."""
    settings = load_settings()
    configure_logging(settings)
    job = job_of(settings)
    try:
        store_until_stopped(settings, job, stop_on_signals())
    except FirstcauseError as error:
        # One clear line; the traceback would say nothing more.
        log.error("job_failed", job=job.name, error=str(error))  # noqa: TRY400
        sys.exit(1)
