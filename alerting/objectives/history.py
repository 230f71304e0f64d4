"""Bad and counted events of an objective and a service over time, as running sums. Pure."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Final

from alerting.windows import MINUTE_MS

COARSE_MS: Final = 5 * MINUTE_MS
# Beyond so much time, sums are kept by five minutes.
FINE_MS: Final = 12 * 60 * MINUTE_MS
# Sums are thinned out when there are so many.
_MANY: Final = 8_192


@dataclass(frozen=True, slots=True)
class Counts:
    """Of some time: events that are bad, and all that count."""

    bad: int
    total: int


def _longs() -> array[int]:
    return array("q")


@dataclass(slots=True)
class CountHistory:
    """Running sums at the ends of minutes, ascending.

    Exact for times that begin at a minute of the last 12 hours, or at whole five minutes before.
    """

    ends_ms: array[int] = field(default_factory=_longs)
    bad_sums: array[int] = field(default_factory=_longs)
    total_sums: array[int] = field(default_factory=_longs)

    def add(self, end_ms: int, bad: int, total: int) -> None:
        """Adds what ended at a time; times only rise."""
        if not total:
            return
        self.bad_sums.append(bad + (self.bad_sums[-1] if self.ends_ms else 0))
        self.total_sums.append(total + (self.total_sums[-1] if self.ends_ms else 0))
        self.ends_ms.append(end_ms)

    def between(self, start_ms: int, end_ms: int) -> Counts:
        """What ended after `start_ms` and by `end_ms`."""
        first, last = bisect_right(self.ends_ms, start_ms), bisect_right(self.ends_ms, end_ms)
        if first == last:
            return Counts(0, 0)
        return Counts(
            self.bad_sums[last - 1] - (self.bad_sums[first - 1] if first else 0),
            self.total_sums[last - 1] - (self.total_sums[first - 1] if first else 0),
        )

    def thin_out(self, now_ms: int, kept_ms: int) -> None:
        """Drops what is older than `kept_ms`, and single minutes of before the last 12 hours."""
        if len(self.ends_ms) < _MANY:
            return
        # The sum up to the oldest time stays: it is what later ones are counted from.
        first = max(0, bisect_right(self.ends_ms, now_ms - kept_ms) - 1)
        fine = bisect_right(self.ends_ms, now_ms - FINE_MS)
        kept = [
            at
            for at in range(first, len(self.ends_ms))
            if at >= fine
            or at == first
            or at + 1 == len(self.ends_ms)
            or _coarse(self.ends_ms[at]) != _coarse(self.ends_ms[at + 1])
        ]
        for name in ("ends_ms", "bad_sums", "total_sums"):
            sums = getattr(self, name)
            setattr(self, name, array("q", (sums[at] for at in kept)))


def _coarse(end_ms: int) -> int:
    """The end of the five minutes that a minute which ends then belongs to."""
    return -(-end_ms // COARSE_MS)
