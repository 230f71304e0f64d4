"""How much of a suspect's evidence began within the window. Pure.

Fault-free time shows differences from normal too: another day, other data, another mix. Such a
difference is there in the window's first part as well, at about the same rate.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from root_cause.evidence.piece import Deviation, Piece, Slowness
from root_cause.evidence.timing import Sample
from root_cause.ranking.scores import score_of
from root_cause.ranking.window import Tally
from root_cause.traces.durations import TimeKey
from root_cause.traces.histogram import bin_of
from root_cause.traces.steps import ANY

# What was there from the start may still be a fault that is older than the window.
_OLDER: Final = 0.5
# As in a rule of succession: of few cases, a share is not certain.
_DOUBT: Final = 1.0


class FirstPart:
    """What the traces of the window's first part show of findings that were made in the rest."""

    def __init__(self, tally: Tally) -> None:
        self._times: Mapping[TimeKey, list[Sample]] = tally.times
        self._turns: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
        for context, outcomes in tally.observed.items():
            if context[1] != ANY:
                continue
            for key, count in outcomes.counts.items():
                self._turns[context[2]][key] += count

    def begun(self, pieces: Iterable[Piece]) -> float:
        """The score of a suspect's pieces, where what was there from the start counts half."""
        return score_of(
            [replace(one, weight=one.weight * self._share_begun(one)) for one in pieces]
        )

    def _share_begun(self, piece: Piece) -> float:
        finding = piece.finding
        if isinstance(finding, Deviation):
            turns = self._turns.get(finding.here, {})
            early, cases = turns.get(finding.instead, 0.0), sum(turns.values())
            usual = 1 - finding.expected_normal / finding.normal
            now = finding.instead_now / finding.now
        elif isinstance(finding, Slowness):
            samples = self._times.get(finding.key, [])
            limit = bin_of(finding.limit_ms)
            early, cases = sum(bin_of(one.ms) > limit for one in samples), len(samples)
            usual, now = finding.slow_normal, finding.slow_now
        else:
            # Complaints are compared with the first part as they are weighed (failures.py).
            return finding.risen
        return _OLDER + (1 - _OLDER) * _risen(early / (cases + _DOUBT), usual, now)


def _risen(early: float, usual: float, now: float) -> float:
    """Which part of a share's rise over what is usual came after the first part."""
    if early <= usual:
        return 1.0
    return max(0.0, (now - early) / (now - usual)) if now > usual else 0.0
