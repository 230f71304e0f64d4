"""Error budgets and burn rates, and when they are worth an alert. Pure.

A burn rate is how fast the budget goes: at 1 it lasts exactly for the objective's time. An alert
needs a long window, so that a short peak is none, and a short one, so that it ends soon after the
fault does (The Site Reliability Workbook, chapter 5).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from alerting.objectives.history import COARSE_MS, Counts
from alerting.windows import HOUR_MS, MINUTE_MS
from firstcause.incidents.states import Severity

DAY_MS: Final = 24 * HOUR_MS
# By name, as they are told and stored.
BURN_WINDOWS_MS: Final[Mapping[str, int]] = {
    "5m": 5 * MINUTE_MS,
    "30m": 30 * MINUTE_MS,
    "1h": HOUR_MS,
    "2h": 2 * HOUR_MS,
    "6h": 6 * HOUR_MS,
    "1d": DAY_MS,
    "3d": 3 * DAY_MS,
}
# Longer ones begin at whole five minutes, since the past is kept by five minutes.
_EXACT_MS: Final = 6 * HOUR_MS


@dataclass(frozen=True, slots=True)
class BurnWindows:
    """An alert is due when the burn rate of both windows is above a bound."""

    long: str
    short: str
    bound: float


@dataclass(frozen=True, slots=True)
class Urgency:
    """How soon somebody has to look, and the pairs of windows of which one is enough."""

    name: str
    severity: Severity
    windows: tuple[BurnWindows, ...]


PAGE: Final = Urgency(
    "page", "high", (BurnWindows("1h", "5m", 14.4), BurnWindows("6h", "30m", 6.0))
)
TICKET: Final = Urgency(
    "ticket", "medium", (BurnWindows("1d", "2h", 3.0), BurnWindows("3d", "6h", 1.0))
)
URGENCIES: Final = (PAGE, TICKET)
_LONG: Final = frozenset(one.long for urgency in URGENCIES for one in urgency.windows)


@dataclass(frozen=True, slots=True)
class ObjectiveStatus:
    """How an objective of a service stands.

    Attributes:
        objective: its name.
        service_name: whose it is.
        title: what is aimed at, for people.
        target: the share of good events that is aimed at, below 1.
        window_ms: the time that the budget is for, back from `at_ms`.
        at_ms: the end of the last minute that is in it, in ms since the epoch.
        bad: events within the time that were not good.
        total: events within the time that count.
        burn_rates: by the names of `BURN_WINDOWS_MS`; windows with too few events are left out.
    """

    objective: str
    service_name: str
    title: str
    target: float
    window_ms: int
    at_ms: int
    bad: int
    total: int
    burn_rates: Mapping[str, float]

    @property
    def good_share(self) -> float | None:
        """The share of good events, 0 to 1; None without events."""
        return 1 - self.bad / self.total if self.total else None

    @property
    def budget_left(self) -> float | None:
        """The share of the error budget that is left; below 0 when overspent, None unknown."""
        rate = burn_rate(Counts(self.bad, self.total), self.target)
        return None if rate is None else 1 - rate

    @property
    def urgency(self) -> Urgency | None:
        """The most urgent that the burn rates are worth; None when there is none."""
        found = (one for one in URGENCIES if burning(one, self.burn_rates) is not None)
        return next(found, None)


def burn_rate(counts: Counts, target: float) -> float | None:
    """The share of bad events beside the share that the target allows; None without events."""
    return counts.bad / counts.total / (1 - target) if counts.total else None


def window_start(at_ms: int, length_ms: int) -> int:
    """Where a window that ends at a whole minute begins."""
    start_ms = at_ms - length_ms
    return start_ms if length_ms <= _EXACT_MS else start_ms - start_ms % COARSE_MS


def burn_rates(
    between: Callable[[int, int], Counts], at_ms: int, target: float, min_events: int
) -> dict[str, float]:
    """The burn rates at a time.

    Args:
        between: what was counted between two times.
        at_ms: the end of a minute.
        target: the share of good events that is aimed at, below 1.
        min_events: long windows with fewer are left out, and short ones without any.
    """
    rates = {}
    for name, length_ms in BURN_WINDOWS_MS.items():
        counts = between(window_start(at_ms, length_ms), at_ms)
        rate = burn_rate(counts, target)
        if rate is not None and (name not in _LONG or counts.total >= min_events):
            rates[name] = rate
    return rates


def burning(urgency: Urgency, rates: Mapping[str, float]) -> BurnWindows | None:
    """The windows, of those of an urgency, whose rates are furthest beyond the bound, if any."""
    beyond = [
        one
        for one in urgency.windows
        if min(rates.get(one.long, 0.0), rates.get(one.short, 0.0)) > one.bound
    ]
    return max(beyond, key=lambda one: rates[one.long] / one.bound, default=None)
