"""Which hours are to be learned now. Pure."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from typing import Final

from firstcause.root_cause.quiet_time import TimeRange

HOUR_MS: Final = 3_600_000
# Logs may come late: an hour is learned once it has been over for so long.
LATE_MARGIN_MS: Final = 15 * 60_000
# Hours that were missed are caught up; of longer ago only what people ask for.
MOST_HOURS_BACK: Final = 24


def due_hours(now_ms: int, done: AbstractSet[int]) -> list[TimeRange]:
    """The hours of the last day that are over and not done, in the order of time.

    Args:
        now_ms: the wall clock.
        done: the beginnings of hours that need no learning any more.
    """
    end_ms = (now_ms - LATE_MARGIN_MS) // HOUR_MS * HOUR_MS
    starts = range(end_ms - MOST_HOURS_BACK * HOUR_MS, end_ms, HOUR_MS)
    return [TimeRange(start, start + HOUR_MS) for start in starts if start not in done]


def hours_of(whole: TimeRange) -> list[TimeRange]:
    """A time cut at full hours (UTC)."""
    first = whole.start_ms // HOUR_MS * HOUR_MS
    return [
        TimeRange(max(start, whole.start_ms), min(start + HOUR_MS, whole.end_ms))
        for start in range(first, whole.end_ms, HOUR_MS)
    ]
