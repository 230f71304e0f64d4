"""A mergeable histogram of durations with exponentially growing bins. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

# Counts by bin. A bin is an eighth of a doubling, so a bound read from it is at most 9 % off;
# the longest time of all falls into bin 320 or so, which bounds the size.
Histogram = dict[int, int]

_BINS_PER_DOUBLING: Final = 8
_LONGEST_MS: Final = 1e12
_WHOLE_MS_KNOWN: Final = 4_096


def _computed_bin(ms: float) -> int:
    return int(_BINS_PER_DOUBLING * math.log2(1 + min(max(ms, 0.0), _LONGEST_MS)))


_BIN_OF_WHOLE_MS: Final = tuple(_computed_bin(ms) for ms in range(_WHOLE_MS_KNOWN))


def bin_of(ms: float) -> int:
    """The bin of a time in milliseconds; negative times (clocks that disagree) count as none."""
    if type(ms) is int and 0 <= ms < _WHOLE_MS_KNOWN:
        return _BIN_OF_WHOLE_MS[ms]
    return _computed_bin(ms)


def upper_ms(index: int) -> float:
    """The least time that falls above a bin."""
    return float(2 ** ((index + 1) / _BINS_PER_DOUBLING) - 1)


def add_times(histogram: Histogram, times_ms: Iterable[float]) -> None:
    """Counts times, in milliseconds."""
    for ms in times_ms:
        index = bin_of(ms)
        histogram[index] = histogram.get(index, 0) + 1


def merged(histograms: Iterable[Mapping[int, int]]) -> Histogram:
    """The histogram of all the times together."""
    total: Histogram = {}
    for histogram in histograms:
        for index, count in histogram.items():
            total[index] = total.get(index, 0) + count
    return total


def quantile_ms(histogram: Mapping[int, int], share: float) -> float:
    """The time that this share of all the times stays below; 0 for none."""
    wanted = share * sum(histogram.values())
    below = 0
    for index in sorted(histogram):
        below += histogram[index]
        if below >= wanted:
            # The first bin is whole milliseconds below one.
            return upper_ms(index) if index else 0.0
    return 0.0


def share_above(histogram: Mapping[int, int], ms: float) -> float:
    """The share of the times in bins above that of a time; 0 for none."""
    total = sum(histogram.values())
    limit = bin_of(ms)
    above = sum(count for index, count in histogram.items() if index > limit)
    return above / total if total else 0.0
