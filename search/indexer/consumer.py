"""The indexer's loop: polls Kafka, makes batches findable, commits offsets afterwards."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final, Protocol

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from firstcause.errors import FirstcauseError
from firstcause.kafka.consumer_block import ConsumerBlock
from firstcause.settings import Settings
from firstcause.storage.cassandra import AWAY
from search.embedded.writer import IndexWriteError
from search.indexer import metrics
from search.indexer.batch import Batch
from search.indexer.consumer_setup import consumer_config

FETCH_MESSAGES: Final = 5_000
FETCH_SECONDS: Final = 0.1
LAG_SECONDS: Final = 2.0
RETENTION_SECONDS: Final = 600.0
OFFSET_SECONDS: Final = 10.0
OFFSET_ATTEMPTS: Final = 30
OFFSET_PAUSE_SECONDS: Final = 1.0

_log = structlog.get_logger()


class Store(Protocol):
    """Where batches go."""

    def put(self, batch: Batch) -> None:
        """Makes a batch durable; blocks; the same batch may come again, whole or in parts."""

    def remove_old(self) -> None:
        """Removes what has become too old."""

    def forget(self, partitions: list[int]) -> None:
        """Lets go of what is held of partitions that others read from now on."""

    def first_offset(self, partition: int, committed: int) -> int:
        """Where a partition is read from, at or before the committed offset."""


class IndexConsumer:
    """Consumes `logs` from the earliest offset until told to stop.

    Owned by one thread; `alive_at` is read by others. While the index or Cassandra takes no writes
    it pauses, stays in the group, commits nothing and tries the same batch again.
    """

    def __init__(
        self,
        settings: Settings,
        store: Store,
        consumer: Consumer | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._topic = settings.kafka_logs_topic
        self._store = store
        self._monotonic = monotonic
        self._consumer = consumer or Consumer(consumer_config(settings))
        self._batch = Batch(settings.search_batch_events, settings.search_commit_seconds)
        self._positions: dict[int, int] = {}
        self._committed: dict[int, int] = {}
        self._block = ConsumerBlock(self._consumer, monotonic)
        self._lag_at = self._retention_at = -RETENTION_SECONDS
        self._kafka_trouble: str | None = None
        self.alive_at = monotonic()

    def run(self, stopping: threading.Event) -> None:
        """Runs until `stopping`; then stores and commits what it holds, and leaves the group."""
        self._consumer.subscribe(
            [self._topic],
            on_assign=self._on_assign,
            on_revoke=self._on_revoke,
            on_lost=self._on_lost,
        )
        try:
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
            self._take(self._consumer.consume(1, FETCH_SECONDS))
            if self._block.is_due():
                self._store_and_commit()
            return
        wanted = min(FETCH_MESSAGES, self._batch.room)
        messages = self._consumer.consume(wanted, FETCH_SECONDS)
        self._take(messages)
        now = self._monotonic()
        if self._batch.is_due(now):
            self._store_and_commit()
        if now - self._lag_at >= LAG_SECONDS:
            self._lag_at = now
            self._measure_lag()
        if not self._block.is_active() and now - self._retention_at >= RETENTION_SECONDS:
            self._retention_at = now
            self._guarded(self._store.remove_old)

    def _take(self, messages: list[Message]) -> None:
        seen = 0
        now = self._monotonic()
        for message in messages:
            error = message.error()
            if error is not None:
                # The client reconnects by itself; each new kind of trouble is told once.
                if (
                    error.code() != KafkaError._PARTITION_EOF
                    and error.name() != self._kafka_trouble
                ):
                    self._kafka_trouble = error.name()
                    _log.warning("kafka_trouble", error=error.name(), reason=error.str())
                continue
            seen += 1
            self._batch.add(message, now)
        if seen:
            metrics.MESSAGES.inc(seen)
            self._kafka_trouble = None

    def _store_and_commit(self) -> None:
        if self._batch.is_empty:
            # What was refused may have gone with its partitions: then nothing is waited for.
            self._unblock()
            return
        if not self._guarded(self._put):
            return
        offsets = [
            TopicPartition(self._topic, partition, offset)
            for partition, offset in self._batch.positions.items()
            # What is read again, from a block's start on, was committed already.
            if offset > self._committed.get(partition, -1)
        ]
        self._positions.update(self._batch.positions)
        self._batch.clear()
        if not offsets:
            return
        try:
            answers = self._consumer.commit(offsets=offsets, asynchronous=False) or []
        except KafkaException as error:
            # Mostly a group that is balancing anew. What is read again is found once all the same.
            _log.warning("commit_failed", reason=str(error))
            return
        for one in answers:
            if one.error is not None:
                _log.warning("commit_failed", partition=one.partition, reason=str(one.error))
            else:
                self._committed[one.partition] = one.offset

    def _put(self) -> None:
        with metrics.COMMIT_SECONDS.time():
            self._store.put(self._batch)
        metrics.BATCH_EVENTS.observe(len(self._batch.events))
        metrics.INDEXED.inc(len(self._batch.events))

    def _guarded(self, work: Callable[[], None]) -> bool:
        """Does what needs the index or Cassandra; False when they are away: blocked then."""
        try:
            work()
        except (IndexWriteError, *AWAY) as error:
            pause = self._block.failed()
            metrics.BLOCKED.set(1)
            _log.warning(
                "index_away" if isinstance(error, IndexWriteError) else "store_away",
                again_in_seconds=pause,
                reason=f"{type(error).__name__}: {error}"[:300],
            )
            return False
        self._unblock()
        return True

    def _unblock(self) -> None:
        if failures := self._block.succeeded():
            _log.info("writes_back", after_attempts=failures)
        metrics.BLOCKED.set(0)

    def _measure_lag(self) -> None:
        lag = 0
        for partition, position in self._positions.items():
            try:
                _, end = self._consumer.get_watermark_offsets(
                    TopicPartition(self._topic, partition), cached=True
                )
            except KafkaException:
                return
            lag += max(0, end - position)
        metrics.LAG.set(lag)

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Begins each partition where its counts can be told whole: at its offset or before it."""
        committed = {one.partition: one.offset for one in self._known_offsets(consumer, partitions)}
        for one in partitions:
            offset = committed[one.partition]
            # None was committed yet: from the earliest on.
            if offset >= 0:
                one.offset = self._store.first_offset(one.partition, offset)
            self._positions[one.partition] = max(0, one.offset)
            self._committed[one.partition] = 0 if one.offset == 0 else offset
        consumer.assign(partitions)
        anew = [one for one in partitions if one.offset == 0]
        if anew:
            # Before anything is written: a crash must not leave the offsets of an index of before.
            consumer.commit(offsets=anew, asynchronous=False)
        _log.info("partitions_assigned", partitions=[one.partition for one in partitions])

    @staticmethod
    def _known_offsets(
        consumer: Consumer, partitions: list[TopicPartition]
    ) -> list[TopicPartition]:
        for attempt in range(OFFSET_ATTEMPTS):
            try:
                return list(consumer.committed(partitions, OFFSET_SECONDS))
            except KafkaException as error:
                # A group that is new, or whose broker went away, has no coordinator for a moment.
                _log.warning("offsets_unknown", attempt=attempt + 1, reason=str(error))
                time.sleep(OFFSET_PAUSE_SECONDS)
        raise FirstcauseError(
            "Kafka does not tell the offsets of the search-indexer: look at `firstcause status`."
        )

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """Still the owner: what is in hand is stored and committed, or left to the next owner."""
        if not self._block.is_active():
            self._store_and_commit()
        self._on_lost(consumer, partitions)

    def _on_lost(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        """No longer the owner: what is in hand is dropped. All partitions go at once."""
        gone = [one.partition for one in partitions]
        _log.info("partitions_gone", partitions=gone)
        self._batch.clear()
        self._store.forget(gone)
        for partition in gone:
            self._positions.pop(partition, None)
