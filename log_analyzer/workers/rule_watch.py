"""Watches the window metrics by the rules, once a minute of event time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

from alerting.live import LiveJudge
from alerting.rules.engine import Engine
from alerting.rules.model import RuleSet
from firstcause.alerts.edited_file import EditedFile
from firstcause.alerts.stored_minutes import Windows, stored_minutes
from log_analyzer.workers.alerts import Findings, Store
from log_analyzer.workers.judged_minutes import findings_of, newest_settled


class RuleWatch:
    """Judges minutes as they come. Owned by one thread.

    Args:
        windows: the window metrics.
        services: reads the names of all services.
        store: the alerts.
        load_rules: reads the file of rules; without one that is right, nothing is judged.
        watermark_ms: no event that is later than this changes a minute.
        history_ms: so much of the past is learned from at the start.
        clock_ms: the wall clock, ms since the epoch.
    """

    def __init__(
        self,
        *,
        windows: Windows,
        services: Callable[[], Iterable[str]],
        store: Store,
        load_rules: Callable[[], EditedFile[RuleSet]],
        watermark_ms: int,
        history_ms: int,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._windows = windows
        self._services = services
        self._store = store
        self._load_rules = load_rules
        self._rules: EditedFile[RuleSet] | None = None
        self._watermark_ms = watermark_ms
        self._history_ms = history_ms
        self._clock_ms = clock_ms
        self._judge: LiveJudge[Engine] | None = None
        self._newest_ms: int | None = None

    def look(self) -> Findings | None:
        """Judges the minutes that are new; None where none is. Blocks."""
        if self._rules is None:
            self._rules = self._load_rules()
        if self._rules.reread():
            # New rules learn from the same past.
            self._judge = self._newest_ms = None
        now_ms = self._clock_ms()
        since_ms = self._newest_ms if self._newest_ms is not None else now_ms - self._history_ms
        newest_ms = newest_settled(self._windows, since_ms, now_ms)
        if newest_ms is None or newest_ms == self._newest_ms:
            return None
        judge = self._judge
        is_first = judge is None
        if judge is None:
            judge = LiveJudge(Engine(self._rules.content), self._watermark_ms)
        start_ms = newest_ms - self._history_ms
        if judge.next_ms is not None:
            start_ms = judge.next_ms
        if is_first:
            stored = self._store.between(start_ms, newest_ms)
            judge.told([one.alert for one in stored if one.told_ms is not None])
        minutes = list(stored_minutes(self._windows, self._services(), start_ms, newest_ms))
        # A judge that fails half way is made again from the stored past.
        self._judge = self._newest_ms = None
        findings = findings_of(judge, minutes, newest_ms, is_first=is_first)
        self._judge, self._newest_ms = judge, newest_ms
        return findings
