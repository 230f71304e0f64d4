"""Watches the objectives: budgets and burn rates, once a minute of event time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

import structlog

from alerting.live import LiveJudge
from alerting.objectives.burn_rate import ObjectiveStatus
from alerting.objectives.engine import ObjectiveEngine
from alerting.objectives.history import COARSE_MS, FINE_MS
from alerting.objectives.model import LONGEST_WINDOW_MS, Objective
from alerting.windows import HOUR_MS, WindowKind
from firstcause.alerts.edited_file import EditedFile
from firstcause.alerts.stored_minutes import Windows, stored_minutes
from log_analyzer.workers.alerts import Findings, Store
from log_analyzer.workers.judged_minutes import findings_of, newest_settled

# A first look judges so much of the past: the windows of that time need no more than twelve hours
# of single minutes.
JUDGED_MS: Final = 6 * HOUR_MS

_log = structlog.get_logger()

Objectives = tuple[Objective, ...]


class Statuses(Protocol):
    """Where it is kept how objectives stand."""

    def write(self, statuses: Iterable[ObjectiveStatus]) -> None:
        """Writes statuses in the place of those of before."""

    def keep_only(self, objectives: Iterable[str]) -> None:
        """Removes the statuses of objectives that are none any more."""


class ObjectiveWatch:
    """Judges minutes as they come, and keeps how objectives stand. Owned by one thread.

    Args:
        windows: the window metrics.
        services: reads the names of all services.
        store: the alerts.
        statuses: how objectives stand.
        load_objectives: reads the file of objectives; without one that is right, none is watched.
        watermark_ms: no event that is later than this changes a minute.
        clock_ms: the wall clock, ms since the epoch.
    """

    def __init__(
        self,
        *,
        windows: Windows,
        services: Callable[[], Iterable[str]],
        store: Store,
        statuses: Statuses,
        load_objectives: Callable[[], EditedFile[Objectives]],
        watermark_ms: int,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._windows = windows
        self._services = services
        self._store = store
        self._statuses = statuses
        self._load_objectives = load_objectives
        self._file: EditedFile[Objectives] | None = None
        self._watermark_ms = watermark_ms
        self._clock_ms = clock_ms
        self._judge: LiveJudge[ObjectiveEngine] | None = None
        self._newest_ms: int | None = None
        self._is_cleared = False
        # What could not be written yet.
        self._unwritten: Sequence[ObjectiveStatus] = ()

    def look(self) -> Findings | None:
        """Judges the minutes that are new; None where none is. Blocks."""
        if self._file is None:
            self._file = self._load_objectives()
        if self._file.reread():
            self._judge = self._newest_ms = None
            self._is_cleared, self._unwritten = False, ()
        objectives = self._file.content
        if not self._is_cleared:
            self._statuses.keep_only(one.name for one in objectives)
            self._is_cleared = True
        if self._unwritten:
            self._write()
        now_ms = self._clock_ms()
        since_ms = self._newest_ms if self._newest_ms is not None else now_ms - JUDGED_MS
        newest_ms = newest_settled(self._windows, since_ms, now_ms)
        if newest_ms is None or newest_ms == self._newest_ms or not objectives:
            return None
        is_first = self._newest_ms is None
        if self._judge is None:
            self._judge = self._begun(objectives, newest_ms)
        judge = self._judge
        start_ms = judge.next_ms or 0
        minutes = list(stored_minutes(self._windows, self._services(), start_ms, newest_ms))
        # A judge that fails half way is made again from the stored past.
        self._judge = self._newest_ms = None
        findings = findings_of(judge, minutes, newest_ms, is_first=is_first)
        self._judge, self._newest_ms = judge, newest_ms
        self._unwritten = judge.latest.statuses()
        self._write()
        return findings

    def _write(self) -> None:
        """Alerts do not wait for it: what fails is written at the next look."""
        try:
            self._statuses.write(self._unwritten)
            self._unwritten = ()
        except Exception:  # noqa: BLE001 - told, and tried again
            _log.exception("objective_statuses_failed")

    def _begun(self, objectives: Objectives, newest_ms: int) -> LiveJudge[ObjectiveEngine]:
        """A judge that knows the stored past: five minutes at a time, the last hours by minutes."""
        start_ms = newest_ms - JUDGED_MS
        engine = ObjectiveEngine(objectives, start_ms)
        fine_ms = start_ms - FINE_MS
        fine_ms -= fine_ms % COARSE_MS
        oldest_ms = start_ms - max(one.window_ms for one in objectives) - COARSE_MS
        for service in sorted(self._services()):
            only = [service]
            kind = WindowKind.FIVE_MINUTES
            engine.learn(stored_minutes(self._windows, only, oldest_ms, fine_ms, kind))
            engine.learn(stored_minutes(self._windows, only, fine_ms, start_ms))
        judge = LiveJudge(engine, self._watermark_ms)
        stored = self._store.between(start_ms - LONGEST_WINDOW_MS, newest_ms)
        engine.resume(one.alert for one in stored)
        judge.told([one.alert for one in stored if one.told_ms is not None])
        return judge
