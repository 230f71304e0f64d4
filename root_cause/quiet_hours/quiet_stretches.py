"""Time ranges, disturbances, and the quiet stretches between disturbances. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

# A fault is at work before its first error, and after its last.
MARGIN_BEFORE_MS: Final = 5 * 60_000
MARGIN_AFTER_MS: Final = 5 * 60_000
# Of less, most traces would lie over a border.
LEAST_QUIET_MS: Final = 60_000
# How long a disturbance may have begun before the time that is asked about, to be looked for.
LONGEST_DISTURBANCE_MS: Final = 7 * 24 * 3_600_000


@dataclass(frozen=True, slots=True, order=True)
class TimeRange:
    """Event time from `start_ms` up to, but not with, `end_ms`; ms since the epoch."""

    start_ms: int
    end_ms: int

    def __contains__(self, at_ms: object) -> bool:
        return isinstance(at_ms, int) and self.start_ms <= at_ms < self.end_ms


@dataclass(frozen=True, slots=True)
class Disturbance:
    """A time in which something was wrong.

    Attributes:
        what: for people, such as "incident 6f96..." or "drill db_pool_exhausted".
        end_ms: its last moment; None while it lasts.
    """

    what: str
    start_ms: int
    end_ms: int | None

    def touches(self, start_ms: int, end_ms: int) -> bool:
        """True when a time is not wholly free of it, margins included."""
        begins_before = self.start_ms - MARGIN_BEFORE_MS < end_ms
        return begins_before and (self.end_ms is None or self.end_ms + MARGIN_AFTER_MS >= start_ms)


def quiet_stretches(whole: TimeRange, disturbances: Iterable[Disturbance]) -> list[TimeRange]:
    """The parts of a time that no disturbance touches, margins included, in their order.

    Parts shorter than a minute are left out.
    """
    quiet = []
    free_from = whole.start_ms
    noisy = sorted(
        (
            one.start_ms - MARGIN_BEFORE_MS,
            whole.end_ms if one.end_ms is None else one.end_ms + MARGIN_AFTER_MS + 1,
        )
        for one in disturbances
    )
    for start_ms, end_ms in [*noisy, (whole.end_ms, whole.end_ms)]:
        until_ms = min(start_ms, whole.end_ms)
        if until_ms - free_from >= LEAST_QUIET_MS:
            quiet.append(TimeRange(free_from, until_ms))
        free_from = max(free_from, end_ms)
    return quiet
