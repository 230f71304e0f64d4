"""Tells of alerts and stores them, in a thread beside the consumer, whoever finds them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol
from uuid import UUID

import structlog

from alerting.alert import Alert
from firstcause.alerts.store import StoredAlert
from log_analyzer import metrics

PAUSE_SECONDS: Final = 2.0

_log = structlog.get_logger()


class Store(Protocol):
    """Where alerts are kept."""

    def write(self, alerts: Iterable[Alert], told_ms: dict[UUID, int]) -> None:
        """Writes alerts, and when those that were sent were."""

    def withdraw(self, alerts: Iterable[Alert]) -> None:
        """Removes alerts."""

    def between(self, start_ms: int, end_ms: int) -> Sequence[StoredAlert]:
        """The alerts with an onset between two times."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What a look has found, and nobody has yet.

    Attributes:
        news: alerts to tell of.
        changed: alerts to store, those of `news` among them.
        withdrawn: alerts that were none.
    """

    news: Sequence[Alert]
    changed: Sequence[Alert]
    withdrawn: Sequence[Alert] = ()


class Watch(Protocol):
    """What finds alerts. Owned by one thread."""

    def look(self) -> Findings | None:
        """Judges what is new; None where nothing is. Blocks; raises the driver's errors."""


class AlertWorker:
    """Looks once in a while, and tells of what was found. Owned by one thread.

    An alert is sent first, and its end once it is over; what was sent is stored afterwards. After
    a kill in between it is sent again under the same id, which counts once. Several instances do
    the same work, with the same ids.

    Args:
        watch: what finds alerts.
        store: the alerts.
        send: sends alerts to their topic and returns when Kafka has them; raises otherwise.
        clock_ms: the wall clock, ms since the epoch.
        monotonic: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        watch: Watch,
        *,
        store: Store,
        send: Callable[[Sequence[Alert]], None],
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._watch = watch
        self._store = store
        self._send = send
        self._clock_ms = clock_ms
        self._monotonic = monotonic
        self._pending: Findings | None = None
        # When what is pending was sent; None before.
        self._sent_ms: int | None = None
        self._due = float("-inf")

    def run_once(self) -> None:
        """Looks, and tells; blocks. Raises the driver's errors, and those of `send`.

        What could not be told or stored is tried again at the next pass; what was sent is not
        sent again meanwhile.
        """
        if self._monotonic() < self._due:
            return
        self._due = self._monotonic() + PAUSE_SECONDS
        if self._pending is None:
            self._pending = self._watch.look()
        if self._pending is not None:
            if self._sent_ms is None:
                self._publish(self._pending)
                self._sent_ms = self._clock_ms()
            self._keep(self._pending, self._sent_ms)
            self._pending = self._sent_ms = None

    def _publish(self, found: Findings) -> None:
        ended = self._ended(found)
        # Whoever opens something for an alert is told of it first, and then of its end.
        self._tell([replace(one, resolved_ms=None) for one in found.news])
        if ended:
            self._send(ended)

    def _keep(self, found: Findings, told_ms: int) -> None:
        self._store.write(found.changed, {one.alert_id: told_ms for one in found.news})
        self._store.withdraw(found.withdrawn)

    def _ended(self, found: Findings) -> list[Alert]:
        """Alerts that were told, and whose end was not: it is stored after it was sent."""
        over = [one for one in found.changed if one.resolved_ms is not None and one.mode == "live"]
        if not over:
            return []
        times = [one.window_start_ms for one in over]
        lasting = {
            one.alert.alert_id
            for one in self._store.between(min(times), max(times) + 1)
            if one.told_ms is not None and one.alert.resolved_ms is None
        } | {one.alert_id for one in found.news}
        return [one for one in over if one.alert_id in lasting]

    def _tell(self, alerts: Sequence[Alert]) -> None:
        if not alerts:
            return
        self._send(alerts)
        for one in alerts:
            metrics.ALERTS.labels(one.severity).inc()
            _log.info("alert", alert_id=str(one.alert_id), rule=one.rule, service=one.service_name)
