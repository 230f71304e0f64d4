"""Holds the errors that are not stored yet, and the offsets to commit once they are."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, cast

from confluent_kafka import Message

from firstcause.events.log_event import LogEvent
from log_analyzer.incidents.escalations import ConsumedEscalation

# While there is a backlog, errors of so many seconds are stored together, or of so many bytes.
BACKLOG_SECONDS: Final = 0.3
BACKLOG_BYTES: Final = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class SourceMessage:
    """A message as it came from Kafka."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()


def source_of(message: Message) -> SourceMessage:
    """What a message of Kafka holds."""
    place = cast(str, message.topic()), cast(int, message.partition()), cast(int, message.offset())
    # The stubs don't know of headers without a value.
    headers = tuple(cast(Any, message.headers() or ()))
    return SourceMessage(*place, message.value(), message.key(), headers)


class ReadError(NamedTuple):
    """An ERROR or FATAL event and the message that it was read from.

    Few of its messages are ever needed again, so what one holds is asked for then.
    """

    event: LogEvent
    message: Message
    value_bytes: int

    @property
    def source(self) -> SourceMessage:
        """The message as data."""
        return source_of(self.message)


@dataclass(frozen=True, slots=True)
class UnreadableMessage:
    """A message that is for the dead letters, and why."""

    source: SourceMessage
    reason: str


@dataclass(frozen=True, slots=True)
class ReadEscalation:
    """A message of the topic of escalations; `escalation` is None when it is unreadable."""

    escalation: ConsumedEscalation | None
    source: SourceMessage


class UncommittedBatch:
    """Collects errors until there are enough, or the first has waited long enough. Pure.

    "Enough" is the least, not the most: what one fetch brings is stored together, and while more
    waits to be fetched, what several fetches bring: each store costs the same few round trips.
    Escalations are few; with one of them the batch is due.
    """

    def __init__(self, size: int, wait_seconds: float) -> None:
        self._size = size
        self._wait_seconds = wait_seconds
        self.errors: list[ReadError] = []
        self.escalations: list[ReadEscalation] = []
        self.unreadable: list[UnreadableMessage] = []
        # By topic and partition: the offset to go on from, once all before it is durable.
        self.positions: dict[tuple[str, int], int] = {}
        self._oldest: float | None = None
        self._bytes = 0

    @property
    def is_empty(self) -> bool:
        """True when nothing waits, so that all positions may be committed."""
        return not self.errors and not self.escalations and not self.unreadable

    def add(self, error: ReadError, now_seconds: float) -> None:
        """Adds an error that arrived at `now_seconds` of a monotonic clock."""
        if self._oldest is None:
            self._oldest = now_seconds
        self.errors.append(error)
        self._bytes += error.value_bytes

    def add_escalation(self, escalation: ReadEscalation) -> None:
        """Adds an escalation, or what should have been one."""
        self.escalations.append(escalation)

    def add_unreadable(self, message: UnreadableMessage) -> None:
        """Adds what should have been an alert."""
        self.unreadable.append(message)

    def reached(self, topic: str, partition: int, offset: int) -> None:
        """Everything of the partition up to and with `offset` has been looked at."""
        self.positions[topic, partition] = offset + 1

    def is_due(self, now_seconds: float, *, more_waits: bool = False) -> bool:
        """True when the batch is full or has waited long enough; never while it is empty.

        `more_waits` tells that the last fetch was a full one.
        """
        if self.escalations or self.unreadable:
            return True
        if self._oldest is None:
            return False
        waited = now_seconds - self._oldest
        if more_waits and self._bytes < BACKLOG_BYTES:
            return waited >= min(BACKLOG_SECONDS, self._wait_seconds)
        return waited >= self._wait_seconds or len(self.errors) >= self._size

    def stored(self) -> None:
        """All that waited is durable, so all positions may be committed now."""
        self.errors = []
        self.escalations = []
        self.unreadable = []
        self._oldest, self._bytes = None, 0

    def committed(self, partitions: Collection[tuple[str, int]]) -> None:
        """Notes that the current positions of these partitions were committed."""
        for partition in partitions:
            self.positions.pop(partition, None)

    def drop(self, partitions: Collection[tuple[str, int]]) -> None:
        """Drops the errors and offsets of partitions that this instance no longer owns."""

        def kept(one: ReadError | ReadEscalation | UnreadableMessage) -> bool:
            source = one.source
            return (source.topic, source.partition) not in partitions

        self.errors = list(filter(kept, self.errors))
        self.escalations = list(filter(kept, self.escalations))
        self.unreadable = list(filter(kept, self.unreadable))
        self.committed(partitions)
        self._bytes = sum(error.value_bytes for error in self.errors)
        if not self.errors:
            self._oldest = None
