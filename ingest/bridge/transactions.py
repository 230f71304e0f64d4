"""The bridge's loop: consume, convert, and write in transactions, exactly once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

import structlog
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition

from firstcause.errors import FirstcauseError
from firstcause.settings import Settings
from ingest.bridge import metrics
from ingest.bridge.conversion import Outgoing, OutgoingTopics, PartitionConverter, Record
from ingest.bridge.turn_clock import TurnClock
from ingest.reading import Position
from ingest.sources import Source

FETCH_MESSAGES: Final = 2_000
FETCH_SECONDS: Final = 0.1
# A killed bridge's open transaction holds readers back for so long at the most.
TRANSACTION_TIMEOUT_MS: Final = 10_000
CALL_SECONDS: Final = 30.0
COMMIT_ATTEMPTS: Final = 5
MAX_ABORTED_IN_A_ROW: Final = 20

_log = structlog.get_logger()

Partition = tuple[str, int]


def consumer_config(settings: Settings) -> dict[str, Any]:
    """How the bridge reads Kafka."""
    return {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "group.id": settings.ingest_group,
        "client.id": "firstcause-ingest",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "isolation.level": "read_committed",
        "session.timeout.ms": 6_000,
        "heartbeat.interval.ms": 2_000,
        "topic.metadata.refresh.interval.ms": 10_000,
        "reconnect.backoff.max.ms": 2_000,
    }


def producer_config(settings: Settings) -> dict[str, Any]:
    """How the bridge writes: one transaction at a time, under the name of this instance.

    An instance that starts again under the same name ends what the one before left open.
    """
    return {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "client.id": "firstcause-ingest",
        "transactional.id": f"{settings.ingest_group}-{settings.ingest_instance}",
        "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
        "message.max.bytes": settings.kafka_max_message_bytes * 2,
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        "linger.ms": 5,
    }


class Bridge:
    """Reads the topics of the sources until told to stop. Owned by one thread.

    Events of a partition leave in order, and the offset that a transaction commits is that of the
    first record whose event still waits for lines. So a kill at any moment loses nothing, repeats
    nothing, and tears no stack trace: what waited is read again.
    """

    def __init__(
        self,
        settings: Settings,
        sources: Mapping[str, Source],
        *,
        consumer: Consumer | None = None,
        producer: Producer | None = None,
        clock_ms: Callable[[], int] = lambda: time.monotonic_ns() // 1_000_000,
    ) -> None:
        self._sources = sources
        self._topics = OutgoingTopics(
            settings.kafka_logs_topic,
            settings.kafka_spans_topic,
            settings.kafka_dead_letter_topic,
            settings.kafka_max_message_bytes,
        )
        self._consumer = consumer or Consumer(consumer_config(settings))
        self._producer = producer or Producer(producer_config(settings))
        self._clock_ms = clock_ms
        self._turn_clock = TurnClock(clock_ms)
        self._converters: dict[Partition, PartitionConverter] = {}
        self._committed: dict[Partition, int] = {}
        self._aborted = 0
        self.alive_at_ms = clock_ms()

    def run(self, stopping: threading.Event) -> None:
        """Runs until `stopping`, then leaves the group; what is held is read again later.

        Raises:
            FirstcauseError: another instance has taken this one's name, or Kafka refuses
                transaction after transaction.
        """
        self._producer.init_transactions(CALL_SECONDS)
        self._consumer.subscribe(
            sorted(self._sources), on_revoke=self._on_revoke, on_lost=self._on_revoke
        )
        try:
            while not stopping.is_set():
                self.alive_at_ms = self._clock_ms()
                self._turn()
        finally:
            self._consumer.close()

    def _turn(self) -> None:
        started = time.monotonic()
        messages = self._consumer.consume(FETCH_MESSAGES, FETCH_SECONDS)
        now_ms = self._turn_clock.now_ms()
        for message in messages:
            if (error := message.error()) is not None:
                _log.warning("ingest_fetch_failed", error=str(error))
                continue
            record = _record(message)
            self._converter(record.position).take(record, now_ms)
        outgoing = [
            one for converter in self._converters.values() for one in converter.ready(now_ms)
        ]
        offsets = self._new_offsets()
        metrics.HELD.set(sum(converter.held() for converter in self._converters.values()))
        if not outgoing and not offsets:
            return
        try:
            self._write(outgoing, offsets)
        except KafkaException as failure:
            self._give_up(failure.args[0])
            return
        self._aborted = 0
        for offset in offsets:
            self._committed[offset.topic, offset.partition] = offset.offset
        metrics.TRANSACTION_SECONDS.observe(time.monotonic() - started)

    def _converter(self, position: Position) -> PartitionConverter:
        partition = (position.topic, position.partition)
        found = self._converters.get(partition)
        if found is None:
            found = PartitionConverter(self._sources[position.topic], self._topics)
            self._converters[partition] = found
        return found

    def _new_offsets(self) -> list[TopicPartition]:
        offsets = []
        for (topic, partition), converter in self._converters.items():
            offset = converter.committable_offset()
            if offset is not None and self._committed.get((topic, partition)) != offset:
                offsets.append(TopicPartition(topic, partition, offset))
        return offsets

    def _write(self, outgoing: list[Outgoing], offsets: list[TopicPartition]) -> None:
        self._producer.begin_transaction()
        for one in outgoing:
            self._produce(one)
        if offsets:
            self._producer.send_offsets_to_transaction(
                offsets, self._consumer.consumer_group_metadata(), CALL_SECONDS
            )
        self._commit()

    def _commit(self) -> None:
        """Commits; the commit flushes, and fails when one message was not taken.

        A commit that timed out may be under way in Kafka, so the same call is repeated: an abort
        would be refused.
        """
        for attempt in range(1, COMMIT_ATTEMPTS + 1):
            try:
                self._producer.commit_transaction(CALL_SECONDS)
            except KafkaException as failure:
                if not failure.args[0].retriable() or attempt == COMMIT_ATTEMPTS:
                    raise
                _log.warning("ingest_commit_repeated", error=str(failure), attempt=attempt)
            else:
                return

    def _produce(self, one: Outgoing) -> None:
        while True:
            try:
                self._producer.produce(one.topic, key=one.key, value=one.value, headers=one.headers)
            except BufferError:
                # The queue is full: wait for deliveries; a broker that stays away fails the commit.
                if self._producer.flush(CALL_SECONDS):
                    raise KafkaException(KafkaError(KafkaError._TIMED_OUT)) from None
            else:
                return

    def _give_up(self, error: KafkaError) -> None:
        """Aborts the transaction and reads again from what was committed last.

        Raises:
            FirstcauseError: the producer is of no more use, or this goes on and on.
        """
        metrics.ABORTED.inc()
        self._aborted += 1
        _log.warning("ingest_transaction_aborted", error=str(error), in_a_row=self._aborted)
        if error.fatal() or self._aborted > MAX_ABORTED_IN_A_ROW:
            raise FirstcauseError(
                f"Kafka refuses the ingest bridge's transactions: {error.str()}. Start it again; "
                "each instance needs an INGEST_INSTANCE of its own."
            )
        try:
            self._producer.abort_transaction(CALL_SECONDS)
            self._rewind()
        except KafkaException as failure:
            raise FirstcauseError(
                f"The ingest bridge cannot end its transaction ({failure}). Start it again; "
                "nothing is lost."
            ) from failure

    def _rewind(self) -> None:
        assigned = self._consumer.assignment()
        self._converters.clear()
        self._committed.clear()
        if not assigned:
            return
        for partition in self._consumer.committed(assigned, timeout=CALL_SECONDS):
            if partition.offset < 0:
                low, _ = self._consumer.get_watermark_offsets(partition, timeout=CALL_SECONDS)
                partition.offset = low
            self._consumer.seek(partition)

    def _on_revoke(self, _: Consumer, partitions: list[TopicPartition]) -> None:
        """Forgets what is held of partitions that go to another instance, which reads it again."""
        for partition in partitions:
            self._converters.pop((partition.topic, partition.partition), None)
            self._committed.pop((partition.topic, partition.partition), None)


def _record(message: Any) -> Record:
    _, received_ms = message.timestamp()
    return Record(
        Position(message.topic(), message.partition(), message.offset()),
        message.key(),
        message.value(),
        message.headers() or [],
        received_ms,
    )
