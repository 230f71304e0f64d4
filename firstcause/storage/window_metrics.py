"""The table `window_metrics`, rows as windows and back, and the minutes marked to be made anew."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

from cassandra.cluster import Session
from cassandra.query import UNSET_VALUE, PreparedStatement

from alerting.windows import HOUR_MS, WindowKind, WindowMetrics
from firstcause.storage.cassandra import rows_of_each
from firstcause.storage.stored_time import datetime_from_ms, days_between, ms_from_datetime

# The row of `window_progress`.
PROGRESS: Final = "window_metrics"
COLUMNS: Final = (
    "service_name",
    "kind",
    "day",
    "window_start",
    "window_end",
    "events",
    "levels",
    "status_classes",
    "error_rate",
    "latency_count",
    "latency_unmeasured",
    "latency_buckets",
    "distinct_users",
    "distinct_traces",
    "latency_sum_ms",
    "latency_avg_ms",
    "latency_min_ms",
    "latency_max_ms",
    "latency_p50_ms",
    "latency_p95_ms",
    "latency_p99_ms",
)
# Names of columns are constants.
INSERT: Final = (
    f"INSERT INTO window_metrics ({', '.join(COLUMNS)}) "  # noqa: S608
    f"VALUES ({', '.join('?' * len(COLUMNS))})"
)
_PERCENTILES: Final = (50, 95, 99)


def window_row(window: WindowMetrics) -> tuple[Any, ...]:
    """The values of `COLUMNS`; what a window has none of is unset."""
    start = datetime_from_ms(window.start_ms)
    latencies = (
        window.latency_sum_ms if window.buckets else None,
        window.latency_mean_ms,
        window.latency_min_ms,
        window.latency_max_ms,
        *map(window.percentile_ms, _PERCENTILES),
    )
    return (
        window.service_name,
        window.kind.value,
        start.date(),
        start,
        datetime_from_ms(window.end_ms),
        window.events,
        dict(window.levels),
        dict(window.status_classes),
        window.error_rate,
        window.latency_count,
        window.unmeasured,
        dict(window.buckets),
        window.users,
        window.traces,
        *(UNSET_VALUE if value is None else value for value in latencies),
    )


def read_window(row: Any) -> WindowMetrics:
    """The window of a row of the table."""
    return WindowMetrics(
        service_name=row.service_name,
        kind=WindowKind(row.kind),
        start_ms=ms_from_datetime(row.window_start),
        end_ms=ms_from_datetime(row.window_end),
        events=row.events,
        levels=dict(row.levels or {}),
        status_classes=dict(row.status_classes or {}),
        latency_sum_ms=row.latency_sum_ms or 0.0,
        latency_min_ms=row.latency_min_ms,
        latency_max_ms=row.latency_max_ms,
        buckets=dict(row.latency_buckets or {}),
        unmeasured=row.latency_unmeasured,
        users=row.distinct_users,
        traces=row.distinct_traces,
    )


class StreamProgress(NamedTuple):
    """How far the stream is: its watermark, and when it wrote windows last; ms since the epoch."""

    watermark_ms: int
    written_ms: int


class WindowHistory:
    """Reads stored windows; blocks, and raises the driver's errors."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statement: PreparedStatement = session.prepare(
            "SELECT * FROM window_metrics WHERE service_name = ? AND kind = ? AND day = ? "
            "AND window_start >= ? AND window_start < ?"
        )
        self._progress: PreparedStatement = session.prepare(
            "SELECT watermark, updated_at FROM window_progress WHERE job = ?"
        )

    def progress(self) -> StreamProgress | None:
        """How far the stream of window metrics is; None before its first batch."""
        row = self._session.execute(self._progress, (PROGRESS,)).one()
        if row is None:
            return None
        return StreamProgress(ms_from_datetime(row.watermark), ms_from_datetime(row.updated_at))

    def between(
        self, service_name: str, kind: WindowKind, start_ms: int, end_ms: int
    ) -> Iterator[WindowMetrics]:
        """The windows of a service that start in [start_ms, end_ms), oldest first."""
        span = datetime_from_ms(start_ms), datetime_from_ms(end_ms)
        asked = [(service_name, kind.value, day, *span) for day in days_between(start_ms, end_ms)]
        for rows in rows_of_each(self._session, self._statement, asked):
            yield from map(read_window, reversed(rows))


def marked_minutes(session: Session, first_ms: int, last_ms: int) -> set[tuple[str, int]]:
    """Services and minutes that were marked for the backfill between two times.

    All in ms since the epoch; whole hours are looked at. Blocks, and raises the driver's errors.
    """
    statement = session.prepare(
        "SELECT service_name, minute FROM window_marks WHERE noticed_hour = ?"
    )
    hours = range(first_ms - first_ms % HOUR_MS, last_ms + 1, HOUR_MS)
    asked = [(datetime_from_ms(hour),) for hour in hours]
    return {
        (row.service_name, ms_from_datetime(row.minute))
        for rows in rows_of_each(session, statement, asked)
        for row in rows
    }
