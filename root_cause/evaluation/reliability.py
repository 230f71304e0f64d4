"""Computes how often a first suspect is right at each score, and a bound to name it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from root_cause.ranking.ranker import Ranking

# What people may expect of a service that is named, and how often a wrong one may be.
LEAST_RIGHT: Final = 0.92
MOST_CONFIDENT_WRONG: Final = 0.05
_STEPS: Final = 40


@dataclass(frozen=True, slots=True)
class FirstSuspect:
    """The first suspect of one case.

    Attributes:
        score: of the suspect; 0 where nobody is suspected.
        ratio: of its score to the second's; infinite where there is no second.
        is_right: it is the true culprit, and it alone is first.
    """

    score: float
    ratio: float
    is_right: bool


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """What naming from a score on means.

    Attributes:
        score: the bound.
        named: the cases whose first suspect is named.
        right: how many of these are right.
        cases: all of them.
    """

    score: float
    named: int
    right: int
    cases: int

    @property
    def share_right(self) -> float:
        """Of those named; 1 where nobody is named."""
        return self.right / self.named if self.named else 1.0

    @property
    def share_wrong(self) -> float:
        """Of all cases, those with a wrong one named."""
        return (self.named - self.right) / self.cases if self.cases else 0.0


def first_suspect(ranking: Ranking, culprit: str | None) -> FirstSuspect:
    """The first suspect of a case; `culprit` is None for a fault-free one."""
    suspects = ranking.suspects
    if not suspects:
        return FirstSuspect(0.0, float("inf"), False)
    first, second = suspects[0].score, suspects[1].score if len(suspects) > 1 else 0.0
    ratio = first / second if second > 0 else float("inf")
    return FirstSuspect(first, ratio, suspects[0].service_name == culprit and ratio > 1)


def point(found: Sequence[FirstSuspect], score: float, ratio: float) -> CurvePoint:
    """What naming from a score, and from a ratio to the second, would mean."""
    named = [one for one in found if one.score >= score and one.ratio >= ratio]
    return CurvePoint(score, len(named), sum(one.is_right for one in named), len(found))


def curve(found: Sequence[FirstSuspect], ratio: float) -> list[CurvePoint]:
    """The points at scores that part the cases evenly, the lowest first."""
    return [point(found, score, ratio) for score in _scores(found)]


def bound_of(systems: Iterable[Sequence[FirstSuspect]], ratio: float) -> float | None:
    """The lowest score from which on naming is right often enough in each system.

    It holds for this score and all above it, so that one lucky score does not count. None: there
    is no such score.
    """
    groups = [found for found in systems if found]
    lowest = None
    for score in reversed(_scores([one for found in groups for one in found])):
        points = [point(found, score, ratio) for found in groups]
        if any(
            one.share_right < LEAST_RIGHT or one.share_wrong > MOST_CONFIDENT_WRONG
            for one in points
        ):
            break
        lowest = score
    return lowest


def left_out(
    systems: Mapping[str, Sequence[FirstSuspect]], ratio: float
) -> dict[str, CurvePoint | None]:
    """The result of each system with the bound from the other systems; None if they give none."""
    found: dict[str, CurvePoint | None] = {}
    for name, own in systems.items():
        others = [cases for other, cases in systems.items() if other != name]
        bound = bound_of(others, ratio) if others else None
        found[name] = None if bound is None else point(own, bound, ratio)
    return found


def _scores(found: Sequence[FirstSuspect]) -> list[float]:
    ordered = sorted({one.score for one in found})
    if len(ordered) <= _STEPS:
        return ordered
    return [ordered[index * (len(ordered) - 1) // (_STEPS - 1)] for index in range(_STEPS)]
