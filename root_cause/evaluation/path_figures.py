"""Counts how often a causal path is the true one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from root_cause.evaluation.measure import Outcome


@dataclass(frozen=True, slots=True)
class PathFigures:
    """Of cases whose true paths are known.

    Attributes:
        cases: how many; `right_service` of them have the culprit first, `right_path` by a true
            path.
        hops: of the paths from the right service; `hops_right` of them are on a true path, and
            `hops_shown` are shown by two ids.
    """

    cases: int
    right_service: int
    right_path: int
    hops: int
    hops_right: int
    hops_shown: int


def path_figures(found: Sequence[Outcome]) -> PathFigures | None:
    """The figures of some cases; None if no true path is known."""
    known = [one for one in found if one.case.paths]
    if not known:
        return None
    right = [(one.path, one.case.paths) for one in known if one.is_first and one.path is not None]
    hops = right_hops = shown = 0
    for path, paths in right:
        true = {hop for services in paths for hop in pairwise(services)}
        hops += len(path.hops)
        right_hops += sum((hop.origin, hop.to) in true for hop in path.hops)
        shown += sum(hop.is_shown for hop in path.hops)
    whole = sum(path.services in paths for path, paths in right)
    return PathFigures(len(known), len(right), whole, hops, right_hops, shown)
