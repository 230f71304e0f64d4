"""A DDSketch: latencies counted by buckets that grow by a constant factor. Pure.

Every value is within `RELATIVE_ACCURACY` of its bucket's value, so a quantile is too. Sketches are
added up by adding their counts, in any order (Masson, Rim, Lee: DDSketch, VLDB 2019).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

RELATIVE_ACCURACY: Final = 0.01
GAMMA: Final = (1 + RELATIVE_ACCURACY) / (1 - RELATIVE_ACCURACY)
LOG_GAMMA: Final = math.log(GAMMA)

# Below it a latency counts as zero, beyond the largest (eleven days) as not measured.
LATENCY_MIN_MS: Final = 1e-6
LATENCY_MAX_MS: Final = 1e9
# The bucket of zeros is before all others; an event without a latency is in none.
ZERO_BUCKET: Final = -32_768
NO_BUCKET: Final = 32_767


def bucket_of(latency_ms: float) -> int:
    """The bucket of a latency between zero and `LATENCY_MAX_MS`."""
    if latency_ms < LATENCY_MIN_MS:
        return ZERO_BUCKET
    return math.ceil(math.log(latency_ms) / LOG_GAMMA)


def value_of(bucket: int) -> float:
    """The value that stands for all of a bucket."""
    return 0.0 if bucket == ZERO_BUCKET else 2 * math.pow(GAMMA, bucket) / (GAMMA + 1)


def quantile(buckets: Mapping[int, int], share: float) -> float | None:
    """The value below which lies a share (0 to 1) of the counted ones; None without any.

    It is that of rank `floor(share * (count - 1))` in the sorted values, from 0 on.
    """
    count = sum(buckets.values())
    if not count:
        return None
    rank, seen = math.floor(share * (count - 1)), 0
    for bucket in sorted(buckets):
        seen += buckets[bucket]
        if seen > rank:
            return value_of(bucket)
    raise AssertionError("a rank is below the count")
