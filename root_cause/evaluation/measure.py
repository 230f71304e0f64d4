"""Measures how often the true culprits of labelled cases are named."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from firstcause.errors import FirstcauseError
from firstcause.events.log_event import LogEvent
from firstcause.events.span import Span
from root_cause.causal_path.finding import path_of
from root_cause.causal_path.path import CausalPath
from root_cause.evaluation.labelled_cases import (
    FaultFree,
    LabelledCase,
    read_cases,
    read_events,
    read_spans,
    recordings,
)
from root_cause.evaluation.log_damage import Degradation, Recording
from root_cause.evaluation.references import positions
from root_cause.normal.learned_counts import Normal
from root_cause.quiet_hours.own_noise import learn_with_noise
from root_cause.ranking.ranker import Ranking, rank

_FIRST_THREE: Final = 3


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the ranking gets to see.

    Attributes:
        with_spans: the spans too, not only the logs.
        known_start: the time of the injection.
        degradation: what went wrong on the way, for the baseline as for the case.
        seed: of that.
        only: the name of the one case to rank; None for all.
        without_normal: no fault-free recording is learned, as on the first day.
    """

    with_spans: bool = False
    known_start: bool = False
    degradation: Degradation | None = None
    seed: int = 0
    only: str | None = None
    without_normal: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one case went.

    Attributes:
        position: the true culprit's rank, counting all that share it; None if it is no suspect.
        seconds: what learning does not count into: the ranking alone.
        events: in the case's window.
        references: the true culprit's place by each simple ranking; None if it is no suspect.
        path: from the first suspect to who complains; None where nobody is suspected.
        recorded: there is a fault-free recording for it, used or not.
    """

    case: LabelledCase
    ranking: Ranking
    position: int | None
    seconds: float
    events: int
    references: Mapping[str, int | None] = field(default_factory=dict)
    path: CausalPath | None = None
    recorded: bool = True

    @property
    def is_first(self) -> bool:
        """True when the true culprit, and it alone, is first."""
        return self.position == 1

    @property
    def is_in_three(self) -> bool:
        """True when it is among the first three."""
        return self.position is not None and self.position <= _FIRST_THREE

    @property
    def is_confident_wrong(self) -> bool:
        """True when another service is named, in a quiet case any."""
        return self.ranking.culprit not in (None, self.case.culprit)

    @property
    def is_named(self) -> bool:
        """True when any service is named."""
        return self.ranking.culprit is not None


@dataclass(frozen=True, slots=True)
class RankedCase:
    """An outcome, and what the ranking saw: thousands of events, so keep none of these."""

    outcome: Outcome
    events: Sequence[LogEvent]
    spans: Sequence[Span]


@dataclass(frozen=True, slots=True)
class Shares:
    """What comes out, as shares from 0 to 1.

    Attributes:
        cases: how many, quiet ones included.
        top1, top3: of the cases with a culprit, those with it first, and in the first three.
        confident_wrong: of all cases, those with a wrong service named.
        inconclusive: of the cases with a culprit, those with none named.
        quiet: how many quiet cases; `quiet_unnamed` of them have no culprit named.
        named: in how many cases a service is named; `named_right` of these name the culprit.
    """

    cases: int
    top1: float
    top3: float
    confident_wrong: float
    inconclusive: float
    quiet: int
    quiet_unnamed: float
    named: int = 0
    named_right: float = 0.0


def outcomes(folder: Path, conditions: Conditions) -> Iterator[Outcome]:
    """Ranks each case of a folder; see `ranked_cases`."""
    return (one.outcome for one in ranked_cases(folder, conditions))


def ranked_cases(folder: Path, conditions: Conditions) -> Iterator[RankedCase]:
    """Ranks each case of a folder, in its order, against the fault-free recording of its day.

    Without a recording of that day, the recording of the whole folder is used. Without any, or if
    none is wanted, the case is ranked without a normal. Spans may be missing.

    Raises:
        FirstcauseError: the folder, or a file in it, is not there or cannot be read; there is no
            case, or none of the name that is wanted.
    """
    normals: dict[FaultFree | None, Normal] = {None: Normal()}
    cases = read_cases(folder)
    if conditions.only not in (None, *(case.name for case in cases)):
        raise FirstcauseError(f"There is no case {conditions.only} in {folder}.")
    for number, case in enumerate(cases):
        if conditions.only not in (None, case.name):
            continue
        free = None if conditions.without_normal else case.recording
        if free is not None and free not in normals:
            normals[free] = learn_with_noise(*_recording(free.logs, free.spans, conditions, 0))
        events, spans = _recording(
            case.folder / "logs.jsonl.gz", case.folder / "spans.jsonl.gz", conditions, number + 1
        )
        begin = time.perf_counter()
        ranking = rank(
            events, spans, normals[free], case.inject_ms if conditions.known_start else None
        )
        seconds = time.perf_counter() - begin
        outcome = Outcome(
            case,
            ranking,
            _position(ranking, case.culprit),
            seconds,
            len(events),
            positions(events, spans, case.culprit) if case.culprit else {},
            path_of(ranking, events, spans, normals[free]),
            recorded=case.recording is not None,
        )
        yield RankedCase(outcome, events, spans)


def fault_free_recordings(folder: Path, conditions: Conditions) -> list[Recording]:
    """All fault-free recordings of a folder, as the ranking would see them; maybe none.

    Raises:
        FirstcauseError: one cannot be read.
    """
    return [_recording(free.logs, free.spans, conditions, 0) for free in recordings(folder)]


def shares(found: Sequence[Outcome]) -> Shares:
    """The shares over some outcomes; 0 of nothing."""
    faulty = [one for one in found if one.case.culprit is not None]
    quiet = [one for one in found if one.case.culprit is None]
    named = [one for one in found if one.is_named]
    return Shares(
        cases=len(found),
        top1=_share(sum(one.is_first for one in faulty), len(faulty)),
        top3=_share(sum(one.is_in_three for one in faulty), len(faulty)),
        confident_wrong=_share(sum(one.is_confident_wrong for one in found), len(found)),
        inconclusive=_share(sum(one.ranking.inconclusive for one in faulty), len(faulty)),
        quiet=len(quiet),
        quiet_unnamed=_share(sum(one.ranking.inconclusive for one in quiet), len(quiet)),
        named=len(named),
        named_right=_share(sum(not one.is_confident_wrong for one in named), len(named)),
    )


def mean_shares(systems: Sequence[Shares]) -> Shares:
    """The mean over systems, each weighing the same; what a system has no case for is left out."""
    faulty = [one for one in systems if one.cases > one.quiet]
    calm = [one for one in systems if one.quiet]
    naming = [one for one in systems if one.named]
    return Shares(
        cases=sum(one.cases for one in systems),
        top1=_mean([one.top1 for one in faulty]),
        top3=_mean([one.top3 for one in faulty]),
        confident_wrong=_mean([one.confident_wrong for one in systems]),
        inconclusive=_mean([one.inconclusive for one in faulty]),
        quiet=sum(one.quiet for one in systems),
        quiet_unnamed=_mean([one.quiet_unnamed for one in calm]),
        named=sum(one.named for one in systems),
        named_right=_mean([one.named_right for one in naming]),
    )


def _mean(found: Sequence[float]) -> float:
    return sum(found) / len(found) if found else 0.0


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _position(ranking: Ranking, culprit: str | None) -> int | None:
    for suspect in ranking.suspects:
        if suspect.service_name == culprit:
            return sum(other.rank <= suspect.rank for other in ranking.suspects)
    return None


def _recording(logs: Path, spans: Path, conditions: Conditions, number: int) -> Recording:
    """What the ranking gets to see of some files; `number` is 0 for a fault-free recording."""
    seen = conditions.with_spans and spans.exists()
    found = read_events(logs), read_spans(spans) if seen else []
    change = conditions.degradation
    if change is None or (change.normal_only and number):
        return found
    dice = random.Random(f"{conditions.seed}/{number}")  # noqa: S311
    return change.change(*found, dice)
