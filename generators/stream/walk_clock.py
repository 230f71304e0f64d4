"""Draws the durations of a walk's segments, for many requests at once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from generators.stream.walk_plan import Segment

# Spread of the time that work takes: lognormal with this sigma around its median.
WORK_SIGMA: Final = 0.35
_JITTER_SIZE: Final = 65_536


class WalkClock:
    """The times of walks of one shape."""

    def __init__(self, segments: Sequence[Segment]) -> None:
        self._medians_us = np.array([1000 * segment.low_ms for segment in segments])
        self._special = [
            (number + 1, segment)
            for number, segment in enumerate(segments)
            if segment.kind != "work"
        ]

    def elapsed_us(
        self, rows: int, random: np.random.Generator, jitter: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.int64]:
        """Us from the start to each moment, a row a request; strictly growing along a row."""
        elapsed = np.zeros((rows, len(self._medians_us) + 1), dtype=np.int64)
        if not len(self._medians_us):
            return elapsed
        picks = random.integers(0, len(jitter), (rows, len(self._medians_us)), dtype=np.int32)
        elapsed[:, 1:] = self._medians_us * jitter[picks]
        for column, segment in self._special:
            low_us, high_us = int(1000 * segment.low_ms), int(1000 * segment.high_ms)
            elapsed[:, column] = (
                random.integers(low_us, high_us + 1, rows) if segment.kind == "uniform" else 0
            )
        elapsed[:, 1:] += 1
        np.cumsum(elapsed, axis=1, out=elapsed)
        for column, segment in self._special:
            if segment.kind == "until":
                target = elapsed[:, segment.since] + int(1000 * segment.low_ms)
                late = np.maximum(target - elapsed[:, column], 0)
                elapsed[:, column:] += late[:, None]
        return elapsed


def work_jitter(random: np.random.Generator) -> npt.NDArray[np.float64]:
    """Factors around 1 for the time that work takes, to draw from."""
    return random.lognormal(0.0, WORK_SIGMA, _JITTER_SIZE)
