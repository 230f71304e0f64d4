"""Errors that wait to be stored, and the offsets that may be committed when they are."""

from __future__ import annotations

from collections.abc import Collection

from log_analyzer.incident import ConsumedError


class ErrorBatch:
    """Collects errors until there are enough, or the first has waited long enough. Pure.

    "Enough" is the least, not the most: what one fetch brings is stored together.
    """

    def __init__(self, size: int, wait_seconds: float) -> None:
        self._size = size
        self._wait_seconds = wait_seconds
        self.errors: list[ConsumedError] = []
        # By partition: the offset to go on from, once all before it is durable.
        self.positions: dict[int, int] = {}
        self._oldest: float | None = None

    def add(self, error: ConsumedError, now_seconds: float) -> None:
        """Adds an error that arrived at `now_seconds` of a monotonic clock."""
        if self._oldest is None:
            self._oldest = now_seconds
        self.errors.append(error)

    def reached(self, partition: int, offset: int) -> None:
        """Everything of the partition up to and with `offset` has been looked at."""
        self.positions[partition] = offset + 1

    def is_due(self, now_seconds: float) -> bool:
        """True when the batch is full or has waited long enough; never while it is empty."""
        if self._oldest is None:
            return False
        waited = now_seconds - self._oldest >= self._wait_seconds
        return waited or len(self.errors) >= self._size

    def stored(self) -> None:
        """The errors are durable, so all positions may be committed now."""
        self.errors = []
        self._oldest = None

    def drop(self, partitions: Collection[int]) -> None:
        """Forgets what belongs to partitions that another instance has now."""
        self.errors = [one for one in self.errors if one.partition not in partitions]
        for partition in partitions:
            self.positions.pop(partition, None)
        if not self.errors:
            self._oldest = None
