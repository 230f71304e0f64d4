"""Computes bootstrap intervals of shares. Pure and seeded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

RESAMPLES: Final = 10_000
_LEVEL: Final = 0.95
_SEED: Final = 1


class Interval(NamedTuple):
    """A share and its 95 % interval, from 0 to 1."""

    share: float
    low: float
    high: float


def interval_of(systems: Sequence[tuple[int, int]]) -> Interval:
    """The mean over systems of a share, with the percentile interval of the bootstrap.

    Cases are drawn again within each system (Efron and Tibshirani 1993, chapter 8, two samples).
    Drawing n cases again of which k are hits gives a binomial number of hits, so numbers suffice.

    Args:
        systems: hits and cases of each; systems without a case do not count.
    """
    counted = [(hits, cases) for hits, cases in systems if cases]
    if not counted:
        return Interval(0.0, 0.0, 0.0)
    dice = np.random.default_rng(_SEED)
    drawn = np.mean(
        [dice.binomial(cases, hits / cases, RESAMPLES) / cases for hits, cases in counted], axis=0
    )
    low, high = np.quantile(drawn, ((1 - _LEVEL) / 2, (1 + _LEVEL) / 2))
    share = sum(hits / cases for hits, cases in counted) / len(counted)
    return Interval(share, float(low), float(high))
