"""Watches the window metrics by the rules, in a thread beside the consumer, and tells of alerts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol
from uuid import UUID

import structlog

from alerting.alert import Alert
from alerting.live import LiveJudge
from alerting.rules.engine import Engine
from alerting.rules.model import RuleSet
from alerting.windows import ALL_SERVICES, MINUTE_MS, WindowKind, WindowMetrics
from firstcause.alerts.edited_file import EditedFile
from firstcause.alerts.store import StoredAlert
from log_analyzer import metrics

# The first rows of a minute come some seconds before all of the last one are there.
SETTLE_MS: Final = 5_000
PAUSE_SECONDS: Final = 2.0
# What a first look finds that is older was never told, and is no news any more.
OLD_NEWS_MS: Final = 60 * MINUTE_MS

_log = structlog.get_logger()


class Windows(Protocol):
    """Where the window metrics are."""

    def between(
        self, service_name: str, kind: WindowKind, start_ms: int, end_ms: int
    ) -> Iterable[WindowMetrics]:
        """The windows of a service that start in [start_ms, end_ms)."""


class Store(Protocol):
    """Where alerts are kept."""

    def write(self, alerts: Iterable[Alert], told_ms: dict[UUID, int]) -> None:
        """Writes alerts, and when those that were sent were."""

    def withdraw(self, alerts: Iterable[Alert]) -> None:
        """Removes alerts."""

    def between(self, start_ms: int, end_ms: int) -> Sequence[StoredAlert]:
        """The alerts with an onset between two times."""


@dataclass(frozen=True, slots=True)
class _Pending:
    """What a look has found, and nobody has yet."""

    news: Sequence[Alert]
    changed: Sequence[Alert]
    withdrawn: Sequence[Alert]


class AlertWorker:
    """Looks at the minutes that are new, once a minute of event time. Owned by one thread.

    An alert is sent first, and what was sent is stored afterwards: after a kill in between it is
    sent again under the same id, which counts once. Several instances do the same work, with the
    same ids.

    Args:
        windows: the window metrics.
        services: reads the names of all services.
        store: the alerts.
        load_rules: reads the file of rules; without one that is right, nothing is judged.
        send: sends alerts to their topic and returns when Kafka has them; raises otherwise.
        watermark_ms: no event that is later than this changes a minute.
        history_ms: so much of the past is learned from at the start.
        clock_ms: the wall clock, ms since the epoch.
        monotonic: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        *,
        windows: Windows,
        services: Callable[[], Iterable[str]],
        store: Store,
        load_rules: Callable[[], EditedFile[RuleSet]],
        send: Callable[[Sequence[Alert]], None],
        watermark_ms: int,
        history_ms: int,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._windows = windows
        self._services = services
        self._store = store
        self._load_rules = load_rules
        self._rules: EditedFile[RuleSet] | None = None
        self._send = send
        self._watermark_ms = watermark_ms
        self._history_ms = history_ms
        self._clock_ms = clock_ms
        self._monotonic = monotonic
        self._judge: LiveJudge[Engine] | None = None
        self._newest_ms: int | None = None
        self._pending: _Pending | None = None
        self._due = float("-inf")

    def run_once(self) -> None:
        """Judges what is new; blocks. Raises the driver's errors, and those of `send`."""
        if self._monotonic() < self._due:
            return
        self._due = self._monotonic() + PAUSE_SECONDS
        if self._pending is None:
            self._pending = self._looked()
        if self._pending is not None:
            self._publish(self._pending)
            self._pending = None

    def _looked(self) -> _Pending | None:
        """Judges what is new; None where nothing is."""
        if self._rules is None:
            self._rules = self._load_rules()
        if self._rules.reread():
            # New rules learn from the same past.
            self._judge = self._newest_ms = None
        newest_ms = self._newest()
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
        minutes = self._minutes(start_ms, newest_ms)
        # A judge that fails half way is made again from the stored past.
        self._judge = self._newest_ms = None
        look = judge.look(minutes, newest_ms)
        self._judge, self._newest_ms = judge, newest_ms
        news_ms = newest_ms - OLD_NEWS_MS if is_first else 0
        judge.told(look.to_tell)
        news = [one for one in look.to_tell if one.last_window_end_ms > news_ms]
        return _Pending(news, look.changed, look.withdrawn)

    def _publish(self, pending: _Pending) -> None:
        """Sends and stores what a look has found; what fails is tried again at the next pass."""
        self._tell(pending.news)
        told_ms = self._clock_ms()
        self._store.write(pending.changed, {one.alert_id: told_ms for one in pending.news})
        self._store.withdraw(pending.withdrawn)

    def _tell(self, alerts: Sequence[Alert]) -> None:
        if not alerts:
            return
        self._send(alerts)
        for one in alerts:
            metrics.ALERTS.labels(one.severity).inc()
            _log.info("alert", alert_id=str(one.alert_id), rule=one.rule, service=one.service_name)

    def _newest(self) -> int | None:
        """The start of the newest minute with events whose predecessors are there."""
        now_ms = self._clock_ms()
        start_ms = self._newest_ms if self._newest_ms is not None else now_ms - self._history_ms
        rows = self._windows.between(ALL_SERVICES, WindowKind.MINUTE, start_ms, now_ms - SETTLE_MS)
        return max((row.start_ms for row in rows), default=None)

    def _minutes(self, start_ms: int, end_ms: int) -> list[WindowMetrics]:
        return [
            row
            for service in self._services()
            for row in self._windows.between(service, WindowKind.MINUTE, start_ms, end_ms)
        ]
