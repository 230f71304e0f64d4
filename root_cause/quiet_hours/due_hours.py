"""Chooses the hours that are due to be learned. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Final

from root_cause.quiet_hours.quiet_stretches import Disturbance, TimeRange

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
    end_ms = _over_until_ms(now_ms)
    starts = range(end_ms - MOST_HOURS_BACK * HOUR_MS, end_ms, HOUR_MS)
    return [TimeRange(start, start + HOUR_MS) for start in starts if start not in done]


def disturbed_since(
    learned: Mapping[int, Sequence[TimeRange]], disturbances: Sequence[Disturbance]
) -> set[int]:
    """The hours of which a disturbance became known after they were learned.

    The analyzer may have been away, or behind, when the hour was learned: its errors had opened no
    incident then.

    Args:
        learned: by the beginning of each hour, the times that it was learned from.
        disturbances: what is known by now.
    """
    return {
        hour_ms
        for hour_ms, stretches in learned.items()
        if any(
            one.touches(stretch.start_ms, stretch.end_ms)
            for one in disturbances
            for stretch in stretches
        )
    }


def hours_asked_for(ranges: Iterable[TimeRange], now_ms: int, *, vouched: bool) -> list[TimeRange]:
    """The times to learn for a person's request, each within one hour of the clock.

    These are the completed whole hours that the requested times touch, each once, in time order. A
    part of an hour would replace the whole hour. But a time that a person vouches for is learned
    exactly as given: nobody vouches for the rest of its hours.

    Args:
        ranges: the times, in any order.
        now_ms: the wall clock.
        vouched: a person says that all was well in them.
    """
    parts = [part for one in ranges for part in hours_of(one)]
    if vouched:
        return parts
    starts = {part.start_ms // HOUR_MS * HOUR_MS for part in parts}
    over = (start for start in sorted(starts) if start < _over_until_ms(now_ms))
    return [TimeRange(start, start + HOUR_MS) for start in over]


def hours_of(whole: TimeRange) -> list[TimeRange]:
    """A time cut at full hours (UTC)."""
    first = whole.start_ms // HOUR_MS * HOUR_MS
    return [
        TimeRange(max(start, whole.start_ms), min(start + HOUR_MS, whole.end_ms))
        for start in range(first, whole.end_ms, HOUR_MS)
    ]


def _over_until_ms(now_ms: int) -> int:
    """The end of the last hour that is completed and whose late logs have arrived."""
    return (now_ms - LATE_MARGIN_MS) // HOUR_MS * HOUR_MS
