"""One stored run of the evaluation, and whether it is worse than another. Pure."""

from __future__ import annotations

import hashlib
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final
from uuid import UUID

from firstcause.derived_ids import derived_id
from firstcause.evaluations.code_version import CodeVersion
from root_cause.evaluation.measure import Outcome, Shares, shares
from root_cause.evaluation.system_figures import SystemFigures

# Of top-1 and top-3; the same cases and the same code give the same figures to the last digit.
MARGIN: Final = 0.02
# Of shares that are quotients of small numbers.
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class CaseChoice:
    """Which cases are evaluated, and how.

    Attributes:
        directory: of labelled cases, or several, a system each, with a colon between; None for
            generated ones.
        count, seed: of generated cases.
        with_spans: the ranking sees the spans too.
    """

    directory: str | None
    count: int
    seed: int
    with_spans: bool

    def __str__(self) -> str:
        """For people: what it is, in a few words."""
        cases = self.directory or f"{self.count} synthetic, seed {self.seed}"
        return f"{cases}, {'with spans' if self.with_spans else 'logs alone'}"

    @property
    def folders(self) -> tuple[Path, ...]:
        """The folders that are named, in their order; none for generated cases."""
        return tuple(Path(one.strip()) for one in (self.directory or "").split(os.pathsep) if one)

    def suite(self, labels: bytes) -> UUID:
        """The identity of cases and conditions: only runs of one suite can be compared.

        It comes from the cases' lists themselves (the bytes of each `cases.json`, one after
        another), so that other cases of the same name, or of a generator that has changed, are
        another suite.
        """
        digest = hashlib.sha256(labels).hexdigest()
        return derived_id("evaluated-suite", digest, "spans" if self.with_spans else "logs")


@dataclass(frozen=True, slots=True)
class EvaluatedRun:
    """One run.

    Attributes:
        run_id: derived from what started it, so that a retry is the same run.
        suite: see `CaseChoice.suite`; of a run that failed before it was known, its own id.
        total: the mean over systems; None where the run failed.
        by_fault: by type of fault and by trait, of several systems with the system's name before
            it; empty where it was not read.
        by_system: by name of the system; empty where it was not read.
        seconds_a_case: the mean time of a ranking.
        error: why it failed; empty where it did not.
    """

    run_id: UUID
    evaluated_at: datetime
    suite: UUID
    choice: CaseChoice
    version: CodeVersion
    total: Shares | None
    by_fault: Mapping[str, Shares] = field(default_factory=dict)
    seconds_a_case: float = 0.0
    error: str = ""
    by_system: Mapping[str, SystemFigures] = field(default_factory=dict)


def shares_by_fault(systems: Mapping[str, Sequence[Outcome]]) -> dict[str, Shares]:
    """The shares of each type of fault, and of each trait in brackets."""
    groups: dict[str, list[Outcome]] = defaultdict(list)
    for system, found in systems.items():
        before = f"{system}: " if len(systems) > 1 else ""
        for one in found:
            for name in (one.case.fault, *(f"({trait})" for trait in one.case.traits)):
                groups[before + name].append(one)
    return {name: shares(some) for name, some in sorted(groups.items())}


def worsenings(before: EvaluatedRun, now: EvaluatedRun, margin: float = MARGIN) -> tuple[str, ...]:
    """What is worse now, a sentence each; empty if nothing is.

    Worse is top-1 or top-3 lower by more than `margin` (a share), or any rise of confident and
    wrong, in the mean over systems or in one of them. A run that failed is worse than any; with
    one that failed before, nothing is compared.
    The types of fault of which fewer come first are named after a sentence on the whole.

    Raises:
        ValueError: the runs are not of the same suite.
    """
    if before.suite != now.suite:
        raise ValueError("runs of different cases cannot be compared")
    if now.total is None:
        return (f"The run failed: {now.error}",)
    if before.total is None:
        return ()
    found = _worse_shares(before.total, now.total, margin)
    if len(now.by_system) > 1:
        for system, figures in now.by_system.items():
            if system in before.by_system:
                worse = _worse_shares(before.by_system[system].shares, figures.shares, margin)
                found += [f"{system}: {sentence}" for sentence in worse]
    if found and (lower := _lower_faults(before, now)):
        found.append(f"By type of fault, first: {lower}.")
    return tuple(found)


def _worse_shares(before: Shares, now: Shares, margin: float) -> list[str]:
    found = []
    for name, was, is_now in (
        ("First", before.top1, now.top1),
        ("In the first three", before.top3, now.top3),
    ):
        if was - is_now > margin + _ROUNDING:
            found.append(f"{name}: {is_now:.1%}, before {was:.1%} (margin {margin:.1%}).")
    was, is_now = before.confident_wrong, now.confident_wrong
    if is_now > was + _ROUNDING:
        found.append(f"Confident and wrong: {is_now:.1%}, before {was:.1%}.")
    return found


def _lower_faults(before: EvaluatedRun, now: EvaluatedRun) -> str:
    return ", ".join(
        f"{name} {found.top1:.1%} (before {before.by_fault[name].top1:.1%})"
        for name, found in now.by_fault.items()
        if name in before.by_fault and found.top1 < before.by_fault[name].top1 - _ROUNDING
    )
