"""Watches Firstcause's own pipeline, once a minute of the wall clock."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from alerting.pipeline import OWN_SERVICE, PipelineJudge, PipelineLimits, Reading
from alerting.windows import HOUR_MS, MINUTE_MS
from firstcause.alerts.store import StoredAlert
from log_analyzer.workers.alerts import Findings

# Alerts that began within this time are taken up after a restart.
RESUMED_MS: Final = 3 * 24 * HOUR_MS


class OwnAlerts(Protocol):
    """Where alerts are kept."""

    def between(
        self, start_ms: int, end_ms: int, service_name: str | None = None
    ) -> Sequence[StoredAlert]:
        """The alerts of a service with an onset between two times."""


class PipelineWatch:
    """Reads how the pipeline stands, and makes alerts of it. Owned by one thread.

    An alert that another instance has stored is taken up, and is not told again.

    Args:
        read: reads how the pipeline stands.
        store: the alerts.
        limits: from when on something is an alert.
        clock_ms: the wall clock, ms since the epoch.
    """

    def __init__(
        self,
        *,
        read: Callable[[], Reading],
        store: OwnAlerts,
        limits: PipelineLimits,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._read = read
        self._store = store
        self._clock_ms = clock_ms
        self._judge = PipelineJudge(limits, since_ms=clock_ms())
        self._minute: int | None = None

    def look(self) -> Findings | None:
        """Judges the last minute; None where it was judged before. Blocks."""
        now_ms = self._clock_ms()
        minute = now_ms // MINUTE_MS
        if minute == self._minute:
            return None
        reading = self._read()
        stored = self._store.between(now_ms - RESUMED_MS, now_ms + MINUTE_MS, OWN_SERVICE)
        self._judge.resume((one.alert for one in stored), reading.at_ms)
        told = {one.alert.alert_id for one in stored if one.told_ms is not None}
        changed = self._judge.judge(reading)
        self._minute = minute
        return Findings([one for one in changed if one.alert_id not in told], changed)
