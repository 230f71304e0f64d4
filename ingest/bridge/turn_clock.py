"""The clock by which lines wait for each other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

MAX_TURN_MS: Final = 250


class TurnClock:
    """Counts at most `MAX_TURN_MS` between two looks.

    A turn that was slow, in Kafka or on a busy machine, had no chance to read the lines that
    follow: counted whole it would tear a stack trace whose end waits in the topic.
    """

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._last_ms = self._now_ms = clock_ms()

    def now_ms(self) -> int:
        """The time in ms, of no meaning but for differences."""
        real_ms = self._clock_ms()
        self._now_ms += min(real_ms - self._last_ms, MAX_TURN_MS)
        self._last_ms = real_ms
        return self._now_ms
