"""Copies the newest window metrics from Cassandra to Redis, in a thread beside the consumer.

Cassandra is what is copied and not the stream itself: so the stream never waits for Redis, what the
backfill makes anew is copied too, and a Redis that lost its data is filled again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final, Protocol

import structlog
from redis.exceptions import RedisError

from alerting.windows import ALL_SERVICES, MINUTE_MS, WindowKind, WindowMetrics
from firstcause.hot_state.connection import reason_of
from firstcause.hot_state.records import HORIZON_MS, HotState
from firstcause.hot_state.writer import HotStateWriter
from firstcause.storage.stored_time import ms_from_datetime
from firstcause.storage.window_metrics import StreamProgress
from log_analyzer import metrics

PAUSE_SECONDS: Final = 2.0
TIMEOUT_SECONDS: Final = 2.0
# What the backfill heals is copied within it.
WHOLE_SECONDS: Final = 300.0

_log = structlog.get_logger()


class Windows(Protocol):
    """The window metrics."""

    def between(
        self, service_name: str, kind: WindowKind, start_ms: int, end_ms: int
    ) -> Iterable[WindowMetrics]:
        """The windows of a service that start in [start_ms, end_ms)."""

    def progress(self) -> StreamProgress | None:
        """How far the stream is."""


class HotStateCopier:
    """Copies the minutes that may have changed, and all of the horizon once in a while.

    Owned by one thread. Several instances write the same.

    Args:
        windows: the window metrics.
        services: reads when each service was last heard.
        open_alerts: counts alerts that last by service, at a time in ms since the epoch.
        writer: writes to Redis.
        clock_ms: the wall clock, ms since the epoch.
        monotonic: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        *,
        windows: Windows,
        services: Callable[[], Mapping[str, datetime]],
        open_alerts: Callable[[int], Mapping[str, int]],
        writer: HotStateWriter,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._windows = windows
        self._services = services
        self._open_alerts = open_alerts
        self._writer = writer
        self._clock_ms = clock_ms
        self._monotonic = monotonic
        self._due = self._whole_due = float("-inf")
        # What the last copy had: the stream's progress, the services, the last minute.
        self._progress: StreamProgress | None = None
        self._names: frozenset[str] = frozenset()
        self._last_ms = 0
        self._problem = ""

    def run_once(self) -> None:
        """Copies; blocks. Raises Cassandra's errors; Redis' are logged when they begin."""
        if self._monotonic() < self._due:
            return
        self._due = self._monotonic() + PAUSE_SECONDS
        try:
            self._copy()
        except RedisError as error:
            self._tell(reason_of(error))
        else:
            self._tell("")

    def _copy(self) -> None:
        has_all = self._writer.has_all()
        # Read first: what the stream writes meanwhile is copied by the next pass.
        progress, heard = self._windows.progress(), self._services()
        now_ms = self._clock_ms()
        alerts = self._open_alerts(now_ms)
        names = frozenset({ALL_SERVICES, *heard})
        # A minute ahead: whoever reads before the next pass finds that nothing was in it.
        last_ms = now_ms - now_ms % MINUTE_MS + MINUTE_MS
        whole = not has_all or names != self._names or self._monotonic() >= self._whole_due
        first_ms = last_ms - MINUTE_MS - HORIZON_MS
        if not whole:
            first_ms = max(first_ms, self._first_changed(progress, last_ms))
        minutes = range(first_ms, last_ms + 1, MINUTE_MS)
        for name in names if minutes else ():
            found: dict[tuple[str, int], WindowMetrics | None]
            found = {(name, at_ms): None for at_ms in minutes}
            windows = self._windows.between(
                name, WindowKind.MINUTE, minutes.start, last_ms + MINUTE_MS
            )
            found.update({(name, one.start_ms): one for one in windows})
            self._writer.put(found)
        self._writer.seal(
            HotState(
                copied_ms=now_ms,
                stream_ms=None if progress is None else progress.written_ms,
                services={name: ms_from_datetime(at) for name, at in heard.items()},
                open_alerts=alerts,
            )
        )
        self._progress, self._names, self._last_ms = progress, names, last_ms
        if whole:
            self._whole_due = self._monotonic() + WHOLE_SECONDS

    def _first_changed(self, progress: StreamProgress | None, last_ms: int) -> int:
        """The first minute that may have changed since the last copy; beyond all where none is."""
        if progress == self._progress:
            return self._last_ms + MINUTE_MS if last_ms > self._last_ms else last_ms + MINUTE_MS
        marks = [one.watermark_ms for one in (self._progress, progress) if one is not None]
        first_ms = min(*marks, self._last_ms) if marks else self._last_ms
        return first_ms - first_ms % MINUTE_MS

    def _tell(self, problem: str) -> None:
        metrics.HOT_STATE_AWAY.set(1 if problem else 0)
        if problem and problem != self._problem:
            _log.warning("hot_state_away", reason=problem, readers_take="Cassandra")
        elif self._problem and not problem:
            _log.info("hot_state_back")
        self._problem = problem
