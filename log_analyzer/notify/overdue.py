"""How long messages wait that should have been sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID

from log_analyzer.notify.message_row import Waiting


class Overdue:
    """Remembers since when each unsent message is due. Owned by one thread.

    A retry moves a row's time into the future; the time that was seen first counts here.
    """

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._due_ms: dict[UUID, int] = {}

    def oldest_seconds(self, unsent: Iterable[Waiting]) -> float:
        """How long the one has waited that waits longest; 0 when none is due."""
        now_ms = self._clock_ms()
        self._due_ms = {
            one.key: self._due_ms.get(one.key, max(now_ms, one.not_before_ms)) for one in unsent
        }
        oldest_ms = min(self._due_ms.values(), default=now_ms)
        return max(0, now_ms - oldest_ms) / 1_000
