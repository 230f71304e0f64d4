"""Estimates the share of log lines lost in transport, so that they are no evidence. Pure.

A fault makes lines of one place disappear. An overloaded shipper loses any lines, and the lines
after a gap still arrive.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from root_cause.normal.neighbours import Neighbours
from root_cause.traces.event_key import END, service_of

# Below that, loss makes no difference.
_LEAST_SHARE: Final = 0.01
# Pairs that normal knows from fewer cases tell of no loss.
_LEAST_SEEN: Final = 3
# One line follows another directly so much less often than by way of a third one.
_RARELY: Final = 0.5
# A service of which fewer lines could be missed is not asked.
_LEAST_PLACES: Final = 10
# So many standard deviations above the mean a place may lose by chance.
_CHANCE: Final = 2.0


class Losses:
    """The share of lost lines in some traces, and how much of the missing lines it explains.

    Args:
        traces: the keys of each trace's events in their order.
        usual: what normal knows as neighbours.
    """

    def __init__(self, traces: Iterable[Sequence[str]], usual: Neighbours) -> None:
        self._usual = usual
        self._skipped_by: dict[tuple[str, str], str | None] = {}
        lost: dict[str, int] = defaultdict(int)
        came: dict[str, int] = defaultdict(int)
        for keys in traces:
            for key in keys:
                came[service_of(key)] += 1
            for one, two in pairwise((END, *keys, END)):
                line = self._skipped(one, two)
                if line is not None:
                    lost[service_of(line)] += 1
        # The median over services, which one culprit does not move.
        shares = [
            lost[name] / (lost[name] + count)
            for name, count in came.items()
            if lost[name] + count >= _LEAST_PLACES
        ]
        self.share = statistics.median(shares) if shares else 0.0

    def explained(self, expected: str, instead: str, cases: float) -> float:
        """The share of `cases` in which lost lines explain one event in place of another.

        Nothing is explained unless what came instead is what usually comes next.
        """
        if self.share < _LEAST_SHARE or not self._usual.are_known(expected, instead):
            return 0.0
        return self.share + _CHANCE * math.sqrt(self.share / cases)

    def _skipped(self, one: str, two: str) -> str | None:
        """The line that is missing between two; None if none seems to be."""
        if (one, two) not in self._skipped_by:
            direct = self._usual.after(one).get(two, 0)
            options = {
                line: least
                for line, count in self._usual.after(one).items()
                if line != END
                and (least := min(count, self._usual.after(line).get(two, 0))) >= _LEAST_SEEN
                and direct < _RARELY * least
            }
            best = max(options.values(), default=0)
            lines = [line for line, least in options.items() if least == best]
            # Of several that are as likely, none: names decide nothing.
            self._skipped_by[one, two] = lines[0] if len(lines) == 1 else None
        return self._skipped_by[one, two]
