"""Stores runs of the evaluation in Cassandra and reads them back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from cassandra.cluster import Session
from cassandra.query import UNSET_VALUE

from firstcause.evaluations.code_version import CodeVersion
from firstcause.evaluations.run import CaseChoice, EvaluatedRun
from root_cause.evaluation.intervals import Interval
from root_cause.evaluation.measure import Shares
from root_cause.evaluation.system_figures import (
    CONFIDENT_WRONG,
    FIRST,
    IN_THREE,
    INCONCLUSIVE,
    RIGHT_OF_NAMED,
    SystemFigures,
)

SCOPE: Final = "all"

_FIGURES: Final = (
    "cases",
    "top1",
    "top3",
    "confident_wrong",
    "inconclusive",
    "quiet",
    "quiet_unnamed",
    "named",
    "named_right",
)
_MAPS: Final = ("interval_low", "interval_high", "reference_top1", "reference_top3")
_RUN: Final = (
    "evaluated_at",
    "run_id",
    "suite",
    "directory",
    "case_count",
    "seed",
    "with_spans",
    "package_version",
    "git_commit",
    "seconds_a_case",
    "error",
    *_FIGURES,
)


class EvaluationHistory:
    """Writes and reads runs through one session; blocks, raises the driver's errors.

    Times are kept to the millisecond.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        run, figures = ", ".join(_RUN), ", ".join(_FIGURES)
        select = f"SELECT {run} FROM evaluations WHERE scope = ?"  # noqa: S608
        self._write = session.prepare(
            f"INSERT INTO evaluations (scope, {run}) VALUES ({_marks(len(_RUN) + 1)})"  # noqa: S608
        )
        self._write_fault = session.prepare(
            f"INSERT INTO evaluation_faults (run_id, fault, {figures}) "  # noqa: S608
            f"VALUES ({_marks(len(_FIGURES) + 2)})"
        )
        maps = ", ".join(_MAPS)
        self._write_system = session.prepare(
            f"INSERT INTO evaluation_systems (run_id, system, {figures}, {maps}) "  # noqa: S608
            f"VALUES ({_marks(len(_FIGURES) + len(_MAPS) + 2)})"
        )
        self._systems = session.prepare(
            f"SELECT system, {figures}, {maps} "  # noqa: S608
            "FROM evaluation_systems WHERE run_id = ?"
        )
        self._newest = session.prepare(f"{select} LIMIT ?")
        self._before = session.prepare(f"{select} AND suite = ? AND evaluated_at < ?")
        self._faults = session.prepare(
            f"SELECT fault, {figures} FROM evaluation_faults WHERE run_id = ?"  # noqa: S608
        )

    def record(self, run: EvaluatedRun) -> None:
        """Keeps a run, also one that failed; again with the same id and time replaces it."""
        for name, some in run.by_fault.items():
            self._session.execute(self._write_fault, (run.run_id, name, *_figures(some)))
        for name, one in run.by_system.items():
            values = (run.run_id, name, *_figures(one.shares), *_maps(one))
            self._session.execute(self._write_system, values)
        choice, version = run.choice, run.version
        # The row of the run comes last: where it is, its figures by fault and system are.
        row = (
            SCOPE,
            run.evaluated_at,
            run.run_id,
            run.suite,
            choice.directory,
            choice.count,
            choice.seed,
            choice.with_spans,
            version.package,
            version.commit,
            run.seconds_a_case,
            run.error,
            *_figures(run.total),
        )
        # What is absent is unset: a null would be a tombstone.
        bound = tuple(UNSET_VALUE if one is None else one for one in row)
        self._session.execute(self._write, bound)

    def newest(self, limit: int) -> list[EvaluatedRun]:
        """The newest runs, without their figures by fault and system."""
        return [_run(row) for row in self._session.execute(self._newest, (SCOPE, limit))]

    def before(self, run: EvaluatedRun) -> EvaluatedRun | None:
        """The last run of the same suite before this one that did not fail; with all figures."""
        rows = self._session.execute(self._before, (SCOPE, run.suite, run.evaluated_at))
        found = next((one for one in map(_run, rows) if one.total is not None), None)
        return found and self.with_all_figures(found)

    def with_all_figures(self, run: EvaluatedRun) -> EvaluatedRun:
        """The run with its figures by type of fault and by system."""
        rows = self._session.execute(self._faults, (run.run_id,))
        by_fault = {row.fault: _shares(row) for row in rows}
        rows = self._session.execute(self._systems, (run.run_id,))
        by_system = {row.system: _system(row) for row in rows}
        return replace(run, by_fault=by_fault, by_system=by_system)

    def find(self, run_id: UUID, among: int = 10_000) -> EvaluatedRun | None:
        """A run by its id, searched among the newest; None if it is not there."""
        found = next((one for one in self.newest(among) if one.run_id == run_id), None)
        return found and self.with_all_figures(found)


def _marks(count: int) -> str:
    return ", ".join("?" * count)


def _figures(some: Shares | None) -> tuple[Any, ...]:
    return tuple(None if some is None else getattr(some, name) for name in _FIGURES)


def _maps(one: SystemFigures) -> tuple[dict[str, float], ...]:
    return (
        {name: interval.low for name, interval in one.intervals.items()},
        {name: interval.high for name, interval in one.intervals.items()},
        dict(one.reference_top1),
        dict(one.reference_top3),
    )


def _shares(row: Any) -> Shares:
    # Rows of before the column was there have none.
    return Shares(**{name: getattr(row, name) or 0 for name in _FIGURES})


def _system(row: Any) -> SystemFigures:
    low, high, top1, top3 = (dict(getattr(row, name) or {}) for name in _MAPS)
    some = _shares(row)
    share_of = {
        FIRST: some.top1,
        IN_THREE: some.top3,
        CONFIDENT_WRONG: some.confident_wrong,
        RIGHT_OF_NAMED: some.named_right,
        INCONCLUSIVE: some.inconclusive,
    }
    intervals = {name: Interval(share_of[name], low[name], high[name]) for name in low}
    return SystemFigures(some, intervals, top1, top3)


def _run(row: Any) -> EvaluatedRun:
    moment: datetime = row.evaluated_at
    return EvaluatedRun(
        run_id=row.run_id,
        evaluated_at=moment.replace(tzinfo=UTC),
        suite=row.suite,
        choice=CaseChoice(row.directory, row.case_count, row.seed, row.with_spans),
        version=CodeVersion(row.package_version, row.git_commit),
        total=_shares(row) if row.cases is not None and not row.error else None,
        seconds_a_case=row.seconds_a_case,
        error=row.error,
    )
