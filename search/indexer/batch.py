"""Log events that were read and are not findable yet, and how far that brings each partition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, cast

from confluent_kafka import Message

from firstcause.events.log_event import LogEvent, UnreadableLogEvent, read_log_event
from search.indexer import metrics

# Messages of two megabytes each must not fill the memory.
BATCH_BYTES: Final = 64 * 1024**2


@dataclass(frozen=True, slots=True)
class ReadEvent:
    """A log event and its place in the topic."""

    event: LogEvent
    partition: int
    offset: int


class Batch:
    """Bounded by events, bytes and seconds; the clock is the caller's."""

    def __init__(self, max_events: int, max_seconds: float) -> None:
        self._max_events = max_events
        self._max_seconds = max_seconds
        self.clear()

    def clear(self) -> None:
        """Begins anew."""
        self.events: list[ReadEvent] = []
        # By partition, the offset to go on from.
        self.positions: dict[int, int] = {}
        self._bytes = 0
        self._since: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to commit."""
        return not self.positions

    @property
    def room(self) -> int:
        """How many events fit yet, at least one."""
        return max(1, self._max_events - len(self.events))

    def is_due(self, now: float) -> bool:
        """Whether it is full, or as old as it may be."""
        full = len(self.events) >= self._max_events or self._bytes >= BATCH_BYTES
        return full or (self._since is not None and now - self._since >= self._max_seconds)

    def add(self, message: Message, now: float) -> None:
        """Takes a message; one that is no log event is counted, and only its offset is kept."""
        partition, offset = cast(int, message.partition()), cast(int, message.offset())
        value = message.value()
        self.positions[partition] = offset + 1
        self._since = now if self._since is None else self._since
        try:
            event = read_log_event(value, message.timestamp()[1])
        except UnreadableLogEvent:
            # The store job puts it on the dead-letter topic.
            metrics.UNREADABLE.inc()
            return
        self._bytes += len(value or b"")
        self.events.append(ReadEvent(event, partition, offset))
