"""Computes the figures of an evaluation, for one system or several. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from root_cause.evaluation.intervals import Interval, interval_of
from root_cause.evaluation.measure import Outcome, Shares, mean_shares, shares
from root_cause.evaluation.references import REFERENCES, share_within

FIRST: Final = "first"
IN_THREE: Final = "in first three"
CONFIDENT_WRONG: Final = "confident, wrong"
RIGHT_OF_NAMED: Final = "right of named"
INCONCLUSIVE: Final = "inconclusive"
_THREE: Final = 3

Hits = tuple[int, int]


@dataclass(frozen=True, slots=True)
class SystemFigures:
    """The figures of one system, or the mean over several.

    Attributes:
        intervals: of each figure by its name, with the share itself.
        reference_top1, reference_top3: of each simple ranking by its name; 0 to 1.
    """

    shares: Shares
    intervals: Mapping[str, Interval] = field(default_factory=dict)
    reference_top1: Mapping[str, float] = field(default_factory=dict)
    reference_top3: Mapping[str, float] = field(default_factory=dict)


def figures_of(systems: Sequence[Sequence[Outcome]]) -> SystemFigures:
    """The figures of a system's outcomes; of several systems the mean, each weighing the same."""
    measured = [shares(found) for found in systems]
    return SystemFigures(
        measured[0] if len(measured) == 1 else mean_shares(measured),
        {name: interval_of([hits(found) for found in systems]) for name, hits in _HITS.items()},
        {name: _reference(systems, name, 1) for name in REFERENCES},
        {name: _reference(systems, name, _THREE) for name in REFERENCES},
    )


def _reference(systems: Sequence[Sequence[Outcome]], name: str, most: int) -> float:
    found = [share_within((one.references.get(name) for one in _faulty(some)), most)
             for some in systems if _faulty(some)]  # fmt: skip
    return sum(found) / len(found) if found else 0.0


def _faulty(found: Sequence[Outcome]) -> list[Outcome]:
    return [one for one in found if one.case.culprit is not None]


def _count(found: Sequence[Outcome], holds: Callable[[Outcome], bool]) -> Hits:
    return sum(map(holds, found)), len(found)


# Each figure as its hits and its cases in one system.
_HITS: Final[Mapping[str, Callable[[Sequence[Outcome]], Hits]]] = {
    FIRST: lambda found: _count(_faulty(found), lambda one: one.is_first),
    IN_THREE: lambda found: _count(_faulty(found), lambda one: one.is_in_three),
    CONFIDENT_WRONG: lambda found: _count(found, lambda one: one.is_confident_wrong),
    RIGHT_OF_NAMED: lambda found: _count(
        [one for one in found if one.is_named], lambda one: not one.is_confident_wrong
    ),
    INCONCLUSIVE: lambda found: _count(_faulty(found), lambda one: not one.is_named),
}
FIGURES: Final = tuple(_HITS)
