"""The consumer loop: polls Kafka, stores batches, commits offsets afterwards."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Final

import structlog
from confluent_kafka import Consumer, KafkaException, TopicPartition

from firstcause.garbage_collection import rare_garbage_collection
from firstcause.kafka.consumer_block import ConsumerBlock
from firstcause.settings import Settings
from firstcause.storage.cassandra import AWAY
from log_analyzer import metrics
from log_analyzer.incidents.stores.writes import LostRaceError
from log_analyzer.incidents.tracker import IncidentTracker
from log_analyzer.intake.batch_processor import TRANSIENT_ERRORS, BatchProcessor
from log_analyzer.intake.consumer_setup import consumer_config
from log_analyzer.intake.dead_letter_writer import DeadLetterWriter
from log_analyzer.intake.message_reader import MessageReader
from log_analyzer.intake.uncommitted_batch import UncommittedBatch
from log_templates.miner import TemplateMiner

FETCH_MESSAGES: Final = 5_000
FETCH_SECONDS: Final = 0.1
COMMIT_SECONDS: Final = 1.0
HOUSEKEEPING_SECONDS: Final = 2.0
# Incidents of one cause should find each other before their first messages go out.
MERGE_SECONDS: Final = 0.5

_log = structlog.get_logger()


class LogConsumer:
    """Consumes `logs`, `incident_alerts` and `incident_escalations` until told to stop.

    Owned by one thread; `alive_at` is read by others.

    While Cassandra is away it pauses its partitions, stays in the group, commits nothing and
    tries the same batch again. An unreadable message is counted and passed: the store job has
    its own position on the same topic and puts it on the dead-letter topic. A readable error that
    can't be processed, three times, and an unreadable alert or escalation go there from here.
    """

    def __init__(
        self,
        *,
        settings: Settings,
        tracker: IncidentTracker,
        dead_letters: DeadLetterWriter,
        miner: TemplateMiner,
        consumer: Consumer | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        alerts, escalations = settings.kafka_alerts_topic, settings.kafka_escalations_topic
        self._topics = [settings.kafka_logs_topic, alerts, escalations]
        self._tracker = tracker
        self._processor = BatchProcessor(tracker, dead_letters, miner)
        self._monotonic = monotonic
        self._consumer = consumer or Consumer(consumer_config(settings))
        self._batch = UncommittedBatch(
            settings.analyzer_batch_size, settings.analyzer_batch_wait_seconds
        )
        self._intake = MessageReader(self._batch, escalations, alerts, monotonic)
        self._committed_at = monotonic()
        self._housekept_at = monotonic()
        self._merged_at = monotonic()
        self._block = ConsumerBlock(self._consumer, monotonic)
        self.alive_at = monotonic()

    def run(self, stopping: threading.Event) -> None:
        """Runs until `stopping`; then stores and commits its batch, and leaves the group."""
        self._consumer.subscribe(
            self._topics,
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )
        try:
            with rare_garbage_collection():
                while not stopping.is_set():
                    self.alive_at = self._monotonic()
                    self._turn()
                self._store_and_commit()
        finally:
            self._consumer.close()

    def _turn(self) -> None:
        if self._block.is_active():
            self._block.hold()
            # What was fetched before is kept.
            self._intake.take(self._consumer.consume(1, FETCH_SECONDS))
            if self._block.is_due():
                self._store_and_commit()
            return
        messages = self._consumer.consume(FETCH_MESSAGES, FETCH_SECONDS)
        self._intake.take(messages)
        now = self._monotonic()
        if self._batch.is_due(now, more_waits=len(messages) == FETCH_MESSAGES):
            self._guarded(self._store)
        # In a storm one commit covers several batches: each is a round trip of its own.
        if self._batch.is_empty and now - self._committed_at >= COMMIT_SECONDS:
            self._commit()
        # Not when the batch was just refused: its success would end the block.
        if not self._block.is_active() and now - self._merged_at >= MERGE_SECONDS:
            self._merged_at = now
            self._guarded(partial(self._kept_up, "merge", self._tracker.merge))
        if not self._block.is_active() and now - self._housekept_at >= HOUSEKEEPING_SECONDS:
            self._housekept_at = now
            self._guarded(partial(self._kept_up, "resolve", self._tracker.resolve_quiet))

    def _store_and_commit(self) -> None:
        if self._guarded(self._store):
            self._commit()

    def _guarded(self, work: Callable[[], None]) -> bool:
        """Does what needs Cassandra; False when it is away, and the loop is blocked then.

        A race lost to other instances, and Kafka refusing a dead letter, are no different:
        blocked, tried again, nothing committed.
        """
        try:
            work()
        except TRANSIENT_ERRORS as error:
            pause = self._block.failed()
            metrics.STORE_AWAY.set(isinstance(error, AWAY))
            _log.warning(
                _reason_to_wait(error),
                again_in_seconds=pause,
                reason=f"{type(error).__name__}: {error}"[:300],
            )
            return False
        if failures := self._block.succeeded():
            _log.info("store_back", after_attempts=failures)
        metrics.STORE_AWAY.set(0)
        return True

    @staticmethod
    def _kept_up(name: str, work: Callable[[], None]) -> None:
        """Does work that comes again soon: what no waiting mends is told, and the loop goes on."""
        try:
            work()
        except TRANSIENT_ERRORS:
            raise
        except Exception:  # noqa: BLE001 - told and counted; the next turn tries again
            metrics.LOOP_FAILURES.labels(name).inc()
            _log.exception("loop_work_failed", work=name)

    def _store(self) -> None:
        self._processor.store(self._batch)

    def _commit(self) -> None:
        """Commits what is stored; what Kafka refuses stays to be committed with the next."""
        self._committed_at = self._monotonic()
        offsets = [TopicPartition(*key, offset) for key, offset in self._batch.positions.items()]
        if not offsets:
            return
        try:
            answers = self._consumer.commit(offsets=offsets, asynchronous=False) or []
        except KafkaException as error:
            # Mostly a group that is balancing anew. No later message need come to these
            # partitions, so nobody else would commit them.
            _log.warning("commit_failed", reason=str(error))
            return
        refused = [one for one in answers if one.error is not None]
        for one in refused:
            _log.warning("commit_failed", partitions=_named([one]), reason=str(one.error))
        self._batch.committed(_places(offsets) - _places(refused))

    def _on_assign(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        _log.info("partitions_assigned", partitions=_named(partitions))
        self._tracker.forget()

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        """Still the owner: what is in hand is stored and committed, or left to the next owner."""
        _log.info("partitions_revoked", partitions=_named(partitions))
        if not self._block.is_active():
            self._store_and_commit()
        self._batch.drop(_places(partitions))
        self._tracker.forget()

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        """No longer the owner: nothing of it may be written any more."""
        _log.warning("partitions_lost", partitions=_named(partitions))
        self._batch.drop(_places(partitions))
        self._tracker.forget()


def _reason_to_wait(error: Exception) -> str:
    if isinstance(error, LostRaceError):
        return "race_lost"
    return "store_away" if isinstance(error, AWAY) else "dead_letter_refused"


def _places(partitions: list[TopicPartition]) -> set[tuple[str, int]]:
    return {(one.topic, one.partition) for one in partitions}


def _named(partitions: list[TopicPartition]) -> list[str]:
    return [f"{one.topic}/{one.partition}" for one in partitions]
