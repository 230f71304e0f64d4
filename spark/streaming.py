"""Runs one streaming query for as long as it is wanted.

The driver restarts its query by itself while a service is away, within a bound; a driver that
dies or stalls is its supervisor's business (`dags/supervision`).
"""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition
from pyspark.errors import StreamingQueryException
from pyspark.sql.streaming.query import StreamingQuery

from firstcause.errors import FirstcauseError
from firstcause.settings import Settings
from spark.checkpoint import committed_offsets, explain_loss, lost_offsets
from spark.progress import ProgressFile

log = structlog.get_logger(__name__)

RESTART_DELAYS_SECONDS: Final = (1.0, 2.0, 4.0, 8.0, 15.0)
POLL_SECONDS: Final = 0.5
STOP_SECONDS: Final = 30.0


@dataclass(frozen=True, slots=True)
class StreamingJob:
    """A query to keep running.

    Attributes:
        name: the job's name; also that of its checkpoint.
        start: starts the query. Called again after each failure.
        checkpoint: the query's checkpoint folder.
        give_up_seconds: without one finished batch for so long, the driver ends with an error.
    """

    name: str
    start: Callable[[], StreamingQuery]
    checkpoint: Path
    give_up_seconds: float = 900.0


def run(job: StreamingJob, settings: Settings, progress: ProgressFile) -> None:
    """Runs until SIGTERM or SIGINT; then lets the batch at work finish, 30 s at the most.

    Raises:
        FirstcauseError: Kafka lost what the checkpoint wants, or no batch finished for too long.
    """
    stop = _stop_event()
    last_batch, last_success, failures = -1, time.monotonic(), 0
    while not stop.is_set():
        _check_offsets(job, settings)
        query = job.start()
        log.info("query_started", job=job.name, query_id=query.id, run_id=query.runId)
        try:
            while query.isActive and not stop.is_set():
                batch = (query.lastProgress or {}).get("batchId", last_batch)
                if batch != last_batch:
                    last_batch, last_success, failures = batch, time.monotonic(), 0
                active = bool(query.status["isTriggerActive"])
                progress.write(last_batch, trigger_active=active)
                stop.wait(POLL_SECONDS)
            if stop.is_set():
                _stop_gracefully(query, progress, last_batch)
                return
            query.awaitTermination()
            return
        except StreamingQueryException as error:
            reason = str(error.desc if hasattr(error, "desc") else error).strip().splitlines()[0]
            if time.monotonic() - last_success > job.give_up_seconds:
                raise FirstcauseError(
                    f"{job.name}: no batch finished for {job.give_up_seconds:.0f} s, last error: "
                    f"{reason}. See `firstcause status` for what is away."
                ) from error
            delay = RESTART_DELAYS_SECONDS[min(failures, len(RESTART_DELAYS_SECONDS) - 1)]
            failures += 1
            log.warning("query_failed", job=job.name, error=reason, restart_in_seconds=delay)
            progress.write(last_batch, trigger_active=False)
            stop.wait(delay)


def _stop_event() -> threading.Event:
    stop = threading.Event()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        log.info("stopping", signal=signal.Signals(number).name)
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    return stop


def _stop_gracefully(query: StreamingQuery, progress: ProgressFile, batch: int) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    while query.isActive and query.status["isTriggerActive"] and time.monotonic() < deadline:
        progress.write(batch, trigger_active=True)
        time.sleep(0.1)
    query.stop()
    log.info("stopped", batch_id=batch)


def _check_offsets(job: StreamingJob, settings: Settings) -> None:
    committed = committed_offsets(job.checkpoint)
    if not committed:
        return
    lost = lost_offsets(committed, _available_offsets(settings, committed))
    if lost:
        raise FirstcauseError(explain_loss(job.checkpoint, lost))


def _available_offsets(
    settings: Settings, wanted: Mapping[tuple[str, int], int]
) -> dict[tuple[str, int], tuple[int, int]]:
    """(earliest, end) by partition; blocks, 60 s at the most while Kafka is away."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap_servers,
            "group.id": "firstcause-offset-check",
            "enable.auto.commit": False,
        }
    )
    try:
        found: dict[tuple[str, int], tuple[int, int]] = {}
        for topic in {topic for topic, _ in wanted}:
            known = consumer.list_topics(topic, timeout=60).topics[topic].partitions
            for partition in known:
                found[topic, partition] = consumer.get_watermark_offsets(
                    TopicPartition(topic, partition), timeout=60
                )
        return found
    except KafkaException as error:
        raise FirstcauseError(
            f"Kafka does not answer at {settings.kafka_bootstrap_servers}: see `firstcause status`."
        ) from error
    finally:
        consumer.close()
