"""A service's own past: an exponentially faded history, and its median and MAD. Pure.

Values are kept with three digits, each with its weight: a history has the size of its spread, not
of its length. A window counts half after the half-life. Of the hour of the week there is a history
of its own, which is believed once it has seen that hour in several weeks.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from alerting.windows import MINUTE_MS

# The MAD of a normal distribution is so much smaller than its standard deviation.
MAD_TO_SIGMA: Final = 1.4826
# No history is as steady as its numbers say: the least deviation, as a share of the median.
LEAST_SIGMA_SHARE: Final = 0.05
HOURS_HALF_LIFE_MINUTES: Final = 4 * 7 * 24 * 60.0
# Three weeks of an hour, give or take what was lost.
HOUR_WEIGHT: Final = 120.0
HOUR_WEEKS: Final = 3
# Rescaled before weights overflow.
_LARGEST_EXPONENT: Final = 500.0
# More different values than this are kept only while they weigh something.
_MANY_VALUES: Final = 400
_NO_WEIGHT: Final = 1e-4


@dataclass(frozen=True, slots=True)
class Expectation:
    """What is usual: a median, the deviation around it, and what this was learned from."""

    median: float
    sigma: float
    learned_from: str


@dataclass(slots=True)
class FadedHistory:
    """Weights by value, relative to `origin_ms`, so that nothing has to be aged."""

    half_life_minutes: float
    weights: dict[float, float] = field(default_factory=dict)
    windows: int = 0
    origin_ms: int | None = None
    last_ms: int | None = None
    weeks: set[int] = field(default_factory=set)

    def add(self, value: float, at_ms: int, share: float) -> None:
        """Learns a value with a part of a window's weight."""
        if self.origin_ms is None:
            self.origin_ms = at_ms
        exponent = self._exponent(at_ms)
        if exponent > _LARGEST_EXPONENT:
            factor = 2.0**-exponent
            faded = {key: held * factor for key, held in self.weights.items()}
            self.weights = {key: held for key, held in faded.items() if held > 0}
            self.origin_ms, exponent = at_ms, 0.0
        rounded = float(f"{value:.3g}")
        self.weights[rounded] = self.weights.get(rounded, 0.0) + share * 2.0**exponent
        if len(self.weights) > _MANY_VALUES:
            least = _NO_WEIGHT * 2.0**exponent
            self.weights = {key: held for key, held in self.weights.items() if held > least}
        self.windows += 1
        self.last_ms = at_ms
        self.weeks.add(at_ms // (7 * 24 * 60 * MINUTE_MS))
        if len(self.weeks) > HOUR_WEEKS:
            self.weeks.discard(min(self.weeks))

    def weight(self, at_ms: int) -> float:
        """How many windows it is worth at a time."""
        if self.origin_ms is None:
            return 0.0
        return sum(self.weights.values()) * math.exp2(-self._exponent(at_ms))

    def median_and_mad(self) -> tuple[float, float]:
        """Of the faded values; at least one is needed."""
        values = list(self.weights.items())
        median = _weighted_median(values)
        return median, _weighted_median((abs(value - median), weight) for value, weight in values)

    def _exponent(self, at_ms: int) -> float:
        return (at_ms - (self.origin_ms or 0)) / MINUTE_MS / self.half_life_minutes


@dataclass(slots=True)
class Baseline:
    """What a measure of a service was so far: of late, and by hour of the week (UTC)."""

    half_life_minutes: float
    recent: FadedHistory = field(init=False)
    hours: dict[int, FadedHistory] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.recent = FadedHistory(self.half_life_minutes)

    def learn(self, value: float, at_ms: int, share: float = 1.0) -> None:
        """Learns the value of a window that starts at a time.

        Of late it counts with its share; what several weeks have had at this hour is normal there.
        """
        self.recent.add(value, at_ms, share)
        hour = hour_of_week(at_ms)
        if hour not in self.hours:
            self.hours[hour] = FadedHistory(HOURS_HALF_LIFE_MINUTES)
        self.hours[hour].add(value, at_ms, 1.0)

    def expectation(self, at_ms: int, min_history: int, *, is_count: bool) -> Expectation | None:
        """What is usual at a time; None while too few windows are known.

        Args:
            at_ms: the start of the window to judge.
            min_history: the least number of windows.
            is_count: of a number of events even chance alone gives the square root as deviation.
        """
        hour = self.hours.get(hour_of_week(at_ms))
        if hour and len(hour.weeks) >= HOUR_WEEKS and hour.weight(at_ms) >= HOUR_WEIGHT:
            day = datetime.fromtimestamp(at_ms / 1_000, UTC)
            told = f"{day:%A}s from {day.hour}:00 to {day.hour + 1}:00 UTC, {hour.windows} windows"
            return _expected(hour, told, is_count=is_count)
        if self.recent.windows < min_history:
            return None
        told = f"its last {self.recent.windows} windows, the latest counting most"
        return _expected(self.recent, told, is_count=is_count)


def hour_of_week(at_ms: int) -> int:
    """0 to 167; 0 is Monday from 0:00 to 1:00 (UTC)."""
    moment = datetime.fromtimestamp(at_ms / 1_000, UTC)
    return moment.weekday() * 24 + moment.hour


def _expected(history: FadedHistory, learned_from: str, *, is_count: bool) -> Expectation:
    median, mad = history.median_and_mad()
    least = [LEAST_SIGMA_SHARE * median, math.sqrt(median) if is_count else 0.0]
    return Expectation(median, max(MAD_TO_SIGMA * mad, *least), learned_from)


def _weighted_median(values: Iterable[tuple[float, float]]) -> float:
    ordered = sorted(values)
    half, seen = sum(weight for _, weight in ordered) / 2, 0.0
    for value, weight in ordered:
        seen += weight
        if seen >= half:
            return value
    return ordered[-1][0]
