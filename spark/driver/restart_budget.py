"""Limits the restarts of a driver within a period of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RestartBudget:
    """At most `max_restarts` within `within_seconds`, with growing delays between them.

    A driver that fails slowly (it waits 15 minutes for a service, or stalls) never spends that.
    So, of restarts that follow each other without one finished batch, no more than
    `max_without_batch` within `without_batch_seconds`.

    The delays leave a service that is away some minutes to come back: ten restarts of a driver
    that dies at once take five minutes of delays and the starts themselves.
    """

    max_restarts: int = 10
    within_seconds: float = 1800.0
    max_delay_seconds: float = 60.0
    max_without_batch: int = 5
    without_batch_seconds: float = 3 * 3600.0

    def spent(self, restarts: Sequence[float], now: float) -> list[float]:
        """Those of `restarts` (seconds since the epoch) that still count."""
        return [moment for moment in restarts if now - moment < self.within_seconds]

    def allows(self, restarts: Sequence[float], now: float) -> bool:
        """True when one more restart is within the budget."""
        return len(self.spent(restarts, now)) < self.max_restarts

    def allows_without_batch(self, restarts: Sequence[float], now: float) -> bool:
        """True when one more restart is within the budget of those without a finished batch.

        Args:
            restarts: those since the last finished batch, seconds since the epoch.
            now: likewise.
        """
        recent = [moment for moment in restarts if now - moment < self.without_batch_seconds]
        return len(recent) < self.max_without_batch

    def delay_seconds(self, restarts: Sequence[float], now: float) -> float:
        """Wait before the next restart: none for the first, then 1, 2, 4 s and so on."""
        count = len(self.spent(restarts, now))
        return 0.0 if count == 0 else min(self.max_delay_seconds, 2.0 ** (count - 1))
