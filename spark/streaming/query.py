"""Runs one streaming query until it is told to stop, and restarts it after outages.

The driver restarts its query by itself while a service is away, within a bound; a driver that
dies or stalls is its supervisor's business (`dags/supervision`).
"""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient
from pyspark.errors import StreamingQueryException
from pyspark.sql.streaming.query import StreamingQuery

from firstcause.errors import FirstcauseError
from firstcause.settings import Settings
from spark.driver.heartbeat_writer import ProgressFile
from spark.streaming.checkpoint import (
    UnusableCheckpoint,
    committed_offsets,
    explain_loss,
    explain_made_anew,
    explain_other_topics,
    lost_offsets,
    other_topics,
    topic_made_anew,
)
from spark.streaming.lag import lag_messages

log = structlog.get_logger(__name__)

GIVE_UP_SECONDS: Final = 900.0
RESTART_DELAYS_SECONDS: Final = (1.0, 2.0, 4.0, 5.0)
POLL_SECONDS: Final = 0.5
STOP_SECONDS: Final = 30.0
STOP_POLL_SECONDS: Final = 0.1
# Short beside the heartbeat that a supervisor waits for.
KAFKA_SECONDS: Final = 10.0
REASON_MAX_CHARS: Final = 300

# `package.Class: message`, as Python and Java end or begin a trace.
_CAUSE = re.compile(r"^(?:: |Caused by: )?((?:[A-Za-z_$][\w$]*\.)+[\w$]+: .+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class StreamingJob:
    """A query to keep running.

    Attributes:
        name: the job's name; also that of its checkpoint.
        start: starts the query; may raise ServiceAway. Called again after each failure.
        topic: the Kafka topic that it reads.
        checkpoint: the query's checkpoint folder.
        on_look: called with the query at each look at it; raises nothing.
        give_up_seconds: after failures without a break for so long, the driver ends with an error.
    """

    name: str
    start: Callable[[], StreamingQuery]
    topic: str
    checkpoint: Path
    on_look: Callable[[StreamingQuery], None] = lambda _: None
    give_up_seconds: float = GIVE_UP_SECONDS


class ServiceAway(FirstcauseError):
    """A service does not answer, or does not have (yet) what the job needs; worth another try."""


@dataclass(slots=True)
class Outage:
    """Failures in a row: how long they have lasted, and how long to wait before the next try.

    A query that works ends the outage, even if its topic is quiet.
    """

    count: int = 0
    began: float = 0.0

    def failed(self, now: float) -> float:
        """Counts a failure at `now` (seconds that only grow); how long to wait after it."""
        if self.count == 0:
            self.began = now
        self.count += 1
        return RESTART_DELAYS_SECONDS[min(self.count, len(RESTART_DELAYS_SECONDS)) - 1]

    def over(self) -> None:
        """The query works."""
        self.count = 0

    def seconds(self, now: float) -> float:
        """How long the outage has lasted; 0 without one."""
        return now - self.began if self.count else 0.0


def stop_on_signals() -> threading.Event:
    """An event that SIGTERM and SIGINT set from now on; for the main thread."""
    stop = threading.Event()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        log.info("stopping", signal=signal.Signals(number).name)
        stop.set()

    signal.signal(signal.SIGTERM, on_signal)
    signal.signal(signal.SIGINT, on_signal)
    return stop


def run(
    job: StreamingJob, settings: Settings, progress: ProgressFile, stop: threading.Event
) -> None:
    """Runs until `stop` is set; then lets the batch at work finish, 30 s at the most.

    Raises:
        UnusableCheckpoint: Kafka lost what the checkpoint wants, or the checkpoint is damaged or
            of another topic.
        FirstcauseError: one failure followed the other for too long.
    """
    outage, last_batch = Outage(), -1
    while not stop.is_set():
        try:
            _check_offsets(job, settings)
            query = job.start()
            log.info("query_started", job=job.name, query_id=query.id, run_id=query.runId)
            while query.isActive and not stop.is_set():
                last_batch = _finished_batch(query, last_batch)
                job.on_look(query)
                active, works = _state(query)
                if works:
                    outage.over()
                progress.write(
                    last_batch, trigger_active=active, lag_messages=lag_messages(query.lastProgress)
                )
                stop.wait(POLL_SECONDS)
            if stop.is_set():
                _stop_gracefully(query, progress, last_batch)
            else:
                query.awaitTermination()
            return
        except (StreamingQueryException, ServiceAway) as error:
            delay, reason = outage.failed(time.monotonic()), shortest_reason(str(error))
            if outage.seconds(time.monotonic()) > job.give_up_seconds:
                raise FirstcauseError(
                    f"{job.name}: nothing but failures for {job.give_up_seconds:.0f} s, the last: "
                    f"{reason}. See `firstcause status` for what is away."
                ) from error
            log.warning("query_failed", job=job.name, error=reason, restart_in_seconds=delay)
            progress.write(last_batch, trigger_active=False)
            stop.wait(delay)


def _finished_batch(query: StreamingQuery, known: int) -> int:
    return int((query.lastProgress or {}).get("batchId", known))


def _state(query: StreamingQuery) -> tuple[bool, bool]:
    """Whether a batch is being worked on, and whether this run of the query has done its work."""
    status = query.status
    waits = str(status["message"]).startswith("Waiting for")
    return bool(status["isTriggerActive"]), waits or query.lastProgress is not None


def shortest_reason(text: str) -> str:
    """The root cause in Spark's many lines of traces of two languages, as one line."""
    causes = _CAUSE.findall(text)
    first = next(iter(text.strip().splitlines()), "unknown")
    return str(causes[-1] if causes else first).strip()[:REASON_MAX_CHARS]


def _stop_gracefully(query: StreamingQuery, progress: ProgressFile, batch: int) -> None:
    deadline = time.monotonic() + STOP_SECONDS
    # In a catch-up the next batch begins at once: the end of the one at work is enough.
    while query.isActive and query.status["isTriggerActive"] and time.monotonic() < deadline:
        if _finished_batch(query, batch) != batch:
            break
        progress.write(batch, trigger_active=True)
        time.sleep(STOP_POLL_SECONDS)
    batch = _finished_batch(query, batch)
    query.stop()
    log.info("stopped", batch_id=batch)


def _check_offsets(job: StreamingJob, settings: Settings) -> None:
    others = other_topics(job.checkpoint, job.topic)
    if others:
        raise UnusableCheckpoint(explain_other_topics(job.checkpoint, job.topic, others))
    if topic_made_anew(job.checkpoint, job.topic, _topic_id(settings, job.topic)):
        raise UnusableCheckpoint(explain_made_anew(job.checkpoint, job.topic))
    committed = committed_offsets(job.checkpoint)
    if not committed:
        return
    if lost := lost_offsets(committed, _available_offsets(settings, committed)):
        raise UnusableCheckpoint(explain_loss(job.checkpoint, lost))


def _topic_id(settings: Settings, topic: str) -> str:
    """Kafka's own id of the topic, another one after it was deleted and made again; blocks."""
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers, "log_level": 2})
    try:
        [answer] = admin.describe_topics(TopicCollection([topic])).values()
        return str(answer.result(KAFKA_SECONDS).topic_id)
    except KafkaException as error:
        if error.args[0].code() == KafkaError.UNKNOWN_TOPIC_OR_PART:
            raise ServiceAway(f"The topic {topic} is not there: run `firstcause up`.") from error
        raise _no_answer(settings) from error


def _no_answer(settings: Settings) -> ServiceAway:
    address = settings.kafka_bootstrap_servers
    return ServiceAway(f"Kafka does not answer at {address}: see `firstcause status`.")


def _available_offsets(
    settings: Settings, wanted: Mapping[tuple[str, int], int]
) -> dict[tuple[str, int], tuple[int, int]]:
    """(earliest, end) by partition; blocks, some seconds while Kafka is away."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap_servers,
            "group.id": "firstcause-offset-check",
            "enable.auto.commit": False,
            "log_level": 2,  # told once by the error below
        }
    )
    try:
        found: dict[tuple[str, int], tuple[int, int]] = {}
        for topic in {topic for topic, _ in wanted}:
            known = consumer.list_topics(topic, timeout=KAFKA_SECONDS).topics[topic]
            if known.error is not None:
                # One that was made anew is told from one that is not there at all.
                raise ServiceAway(f"The topic {topic} is not there: run `firstcause up`.")
            for partition in known.partitions:
                found[topic, partition] = consumer.get_watermark_offsets(
                    TopicPartition(topic, partition), timeout=KAFKA_SECONDS
                )
        return found
    except KafkaException as error:
        raise _no_answer(settings) from error
    finally:
        consumer.close()
