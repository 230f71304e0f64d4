"""The pause of a consumer while what it writes to takes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from confluent_kafka import Consumer

PAUSE_MAX_SECONDS: Final = 10.0


class ConsumerBlock:
    """A blocked consumer pauses its partitions, stays in the group and commits nothing.

    Owned by the consumer's thread.
    """

    def __init__(self, consumer: Consumer, monotonic: Callable[[], float]) -> None:
        self._consumer = consumer
        self._monotonic = monotonic
        self._until: float | None = None
        self._failures = 0

    def is_active(self) -> bool:
        """Whether the consumer is blocked."""
        return self._until is not None

    def is_due(self) -> bool:
        """Whether it is time for the next try."""
        return self._until is not None and self._monotonic() >= self._until

    def hold(self) -> None:
        """Pauses what is assigned, newly assigned partitions included."""
        self._consumer.pause(self._consumer.assignment())

    def failed(self) -> float:
        """Begins the block, or goes on with it; returns the seconds until the next try."""
        self._failures += 1
        pause: float = min(PAUSE_MAX_SECONDS, 0.5 * 2 ** min(self._failures, 6))
        self._until = self._monotonic() + pause
        return pause

    def succeeded(self) -> int:
        """Ends the block; returns how many tries had failed, 0 where there was no block."""
        failures = self._failures
        if self._until is not None:
            self._consumer.resume(self._consumer.assignment())
        self._until, self._failures = None, 0
        return failures
