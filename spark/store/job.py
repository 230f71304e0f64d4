"""Runs a job that stores a Kafka topic in a table of Cassandra: start, query, end.

Rows and dead letters are written before Spark commits a batch. Both may be repeated: rows are
upserts by identity, and dead letters are recognised by their source position.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cassandra.cluster import Session
from pyspark.sql import SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from firstcause.settings import Settings
from spark.session import build_session, close_connections
from spark.store.batch import Content, StoreBatch
from spark.store.dead_letter_meter import DeadLetterMeter
from spark.store.dead_letter_writer import DeadLetterWriter
from spark.streaming.connection import check_cassandra, connect_when_there
from spark.streaming.job_run import run_job, streaming
from spark.streaming.query import StreamingJob, run, stop_on_signals
from spark.streaming.source import record_stream

# Of the time after which a batch counts as stalled.
SEARCH_SHARE: Final = 0.6


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
    return (
        record_stream(session, settings, job.topic, job.max_messages)
        .writeStream.queryName(job.name)
        .foreachBatch(store)
        .option("checkpointLocation", checkpoint.as_uri())
        .trigger(processingTime=f"{settings.spark_trigger_seconds} seconds")
        .start()
    )


def store_until_stopped(settings: Settings, job: StoreJob, stop: threading.Event) -> None:
    """Runs the job; `spark.streaming.query.run` says how it ends and what it raises."""
    with streaming(settings, job.name) as (checkpoint, progress):
        connected = connect_when_there(settings, job.topic, job.prepare, progress, stop)
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
        finally:
            cql.cluster.shutdown()


def run_until_stopped(name: str, job_of: Callable[[Settings], StoreJob]) -> None:
    """Runs the job until it is told to stop; exit code 1 and one clear line on an error."""
    run_job(
        name, lambda settings: store_until_stopped(settings, job_of(settings), stop_on_signals())
    )
