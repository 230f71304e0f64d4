"""Counts what is sent to the topic `logs` and checks that each event arrives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args
from confluent_kafka import Consumer, Message, TopicPartition

from firstcause.dead_letters import headers as dead_letter
from firstcause.events.log_event import UnreadableLogEvent, read_log_event
from firstcause.settings import Settings
from firstcause.storage.log_partition import EVERY_SHARD

KAFKA_TIMEOUT_SECONDS: Final = 30.0
_MINUTE_MS: Final = 60_000

Partition = tuple[str, datetime]


@dataclass(frozen=True, slots=True)
class Tally:
    """What became of the messages since the audit began.

    Attributes:
        sent: messages in the topic of logs.
        repeated: log events among them whose log id was sent before, within the audit.
        readable: different log events among them.
        stored: how many of these are in Cassandra, counted by CQL.
        dead_letters: messages in the dead-letter topic, but those of spans.
    """

    sent: int
    repeated: int
    readable: int
    stored: int
    dead_letters: int

    @property
    def complete(self) -> bool:
        """True when each message is accounted for."""
        unreadable = self.sent - self.repeated - self.readable
        return self.stored == self.readable and self.dead_letters >= unreadable


class StreamAudit:
    """Starts at the current ends of the topics. All methods block and raise the clients' errors."""

    def __init__(self, settings: Settings, session: Session) -> None:
        self._logs = _TopicTail(settings, settings.kafka_logs_topic)
        self._dead_letters = _TopicTail(settings, settings.kafka_dead_letter_topic)
        self._session = session
        self._select = session.prepare(
            "SELECT log_id FROM logs WHERE service_name = ? AND minute = ? "  # noqa: S608
            f"AND shard IN ({EVERY_SHARD})"
        )
        self._seen: set[UUID] = set()
        self._missing: dict[Partition, set[UUID]] = {}
        self._sent = self._repeated = self._dead = 0

    def tally(self) -> Tally:
        """Reads new messages of the topics, checks which are stored, and counts."""
        for message in self._logs.read():
            self._sent += 1
            self._expect(message)
        self._dead += sum(map(_is_of_logs, self._dead_letters.read()))
        self._look()
        missing = sum(map(len, self._missing.values()))
        return Tally(
            sent=self._sent,
            repeated=self._repeated,
            readable=len(self._seen),
            stored=len(self._seen) - missing,
            dead_letters=self._dead,
        )

    def log_ids(self) -> frozenset[UUID]:
        """The log ids of all readable events so far."""
        return frozenset(self._seen)

    def close(self) -> None:
        """Ends the connections to Kafka."""
        self._logs.close()
        self._dead_letters.close()

    def _expect(self, message: Message) -> None:
        try:
            event = read_log_event(message.value(), message.timestamp()[1])
        except UnreadableLogEvent:
            return
        log_id = UUID(event.log_id)
        if log_id in self._seen:
            self._repeated += 1
            return
        self._seen.add(log_id)
        minute_ms = event.timestamp_ms // _MINUTE_MS * _MINUTE_MS
        minute = datetime.fromtimestamp(minute_ms / 1000, UTC)
        self._missing.setdefault((event.service_name, minute), set()).add(log_id)

    def _look(self) -> None:
        partitions = list(self._missing)
        results = execute_concurrent_with_args(
            self._session, self._select, partitions, concurrency=16, raise_on_first_error=True
        )
        for partition, (_, rows) in zip(partitions, results, strict=True):
            self._missing[partition] -= {row.log_id for row in rows}
            if not self._missing[partition]:
                del self._missing[partition]


def _is_of_logs(letter: Message) -> bool:
    headers: Any = letter.headers() or ()
    return (dead_letter.CONSUMER, dead_letter.SPAN_CONSUMER.encode()) not in headers


class _TopicTail:
    """Reads the messages that arrive in a topic from now on."""

    def __init__(self, settings: Settings, topic: str) -> None:
        self._consumer = Consumer(
            {
                "bootstrap.servers": settings.kafka_bootstrap_servers,
                "group.id": "firstcause-stream-audit",
                "enable.auto.commit": False,
                "enable.partition.eof": True,
            }
        )
        self._topic = topic
        known = self._consumer.list_topics(topic, timeout=KAFKA_TIMEOUT_SECONDS).topics[topic]
        ends = {number: self._end(number) for number in known.partitions}
        self._consumer.assign([TopicPartition(topic, *item) for item in ends.items()])
        self._positions = ends

    def read(self) -> Iterator[Message]:
        """The messages up to the current end."""
        targets = {number: self._end(number) for number in self._positions}
        while any(self._positions[number] < end for number, end in targets.items()):
            for message in self._consumer.consume(1000, timeout=1.0):
                number, offset = message.partition() or 0, message.offset() or 0
                if message.error() is None:
                    self._positions[number] = offset + 1
                    yield message
                else:
                    # The end of a partition is told as an error. It may lie behind the last
                    # message (transactions leave marks there), or be news from before.
                    self._positions[number] = max(self._positions[number], offset)

    def close(self) -> None:
        self._consumer.close()

    def _end(self, number: int) -> int:
        partition = TopicPartition(self._topic, number)
        end: int = self._consumer.get_watermark_offsets(partition, KAFKA_TIMEOUT_SECONDS)[1]
        return end
