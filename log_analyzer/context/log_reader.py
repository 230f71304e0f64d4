"""Reads stored logs for an incident, within limits of rows and time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final
from uuid import UUID

import structlog
from cassandra.cluster import Session
from cassandra.query import PreparedStatement

from firstcause.events.log_event import LogEvent
from firstcause.incidents.view import Evidence
from firstcause.storage.cassandra import pages_in_time, prepare_all
from firstcause.storage.log_partition import SHARDS, shard_of
from firstcause.storage.stored_time import datetime_from_ms
from log_analyzer.context.windows import MINUTE_MS, LogSample, Window, sampled
from log_analyzer.suspects.stored_event import stored_event

TRACE_ROWS: Final = 200
PARTITION_ROWS: Final = 100

_SHORT: Final = "log_id, timestamp, service_name, level, message, trace_id"
_LONG: Final = f"{_SHORT}, error_code, exception, span_id, parent_span_id, status_code, attributes"
_PARTITION: Final = "service_name = ? AND minute = ? AND shard = ?"
_CQL: Final = {
    "trace": f"SELECT {_LONG} FROM logs WHERE trace_id = ? LIMIT {TRACE_ROWS}",  # noqa: S608
    "window": f"SELECT {_SHORT} FROM logs WHERE {_PARTITION} AND timestamp >= ? "  # noqa: S608
    f"AND timestamp < ? LIMIT {PARTITION_ROWS}",
    "level": f"SELECT {_SHORT} FROM logs WHERE {_PARTITION} AND timestamp >= ? "  # noqa: S608
    f"AND timestamp < ? AND level = ? LIMIT {PARTITION_ROWS} ALLOW FILTERING",
    "one": f"SELECT log_id FROM logs WHERE {_PARTITION} AND timestamp = ? "  # noqa: S608
    "AND log_id = ?",
}

# A statement and its values.
Query = tuple[PreparedStatement, tuple[object, ...]]

_log = structlog.get_logger()


class ContextLogReader:
    """Logs of traces and of windows of event time.

    `firstcause.storage.log_history` reads page by page for people who go on; this reads one page of
    each partition, all at once, and gives up after a time. A query that fails or is late is told in
    the program's log, and missing in the result. Methods block for little longer than their
    timeout and raise none of the driver's errors.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)

    def of_traces(
        self, trace_ids: Sequence[str], timeout_seconds: float
    ) -> tuple[tuple[LogEvent, ...] | None, ...]:
        """The logs of each trace, at most `TRACE_ROWS` of it; None for one that was not read."""
        queries = [(self._statements["trace"], (trace_id,)) for trace_id in trace_ids]
        return tuple(
            None if rows is None else tuple(map(stored_event, rows))
            for rows in self._pages(queries, timeout_seconds)
        )

    def of_windows(
        self, windows: Sequence[Window], timeout_seconds: float, level: str | None = None
    ) -> tuple[LogSample, ...]:
        """A sample of each window: the newest `PARTITION_ROWS` of each of its partitions.

        With a level only logs of that level.
        """
        queries: list[Query] = []
        sizes: list[int] = []
        for window in windows:
            found = list(self._partitions(window, level))
            queries += found
            sizes.append(len(found))
        pages = self._pages(queries, timeout_seconds)
        samples: list[LogSample] = []
        for window, size in zip(windows, sizes, strict=True):
            parts = [
                None if rows is None else tuple(map(stored_event, rows))
                for rows in (next(pages) for _ in range(size))
            ]
            samples.append(sampled(window, parts, PARTITION_ROWS))
        return tuple(samples)

    def holds(self, error: Evidence, timeout_seconds: float) -> bool:
        """True if this error is stored as a log; earlier messages are then mostly stored too."""
        minute = error.timestamp_ms - error.timestamp_ms % MINUTE_MS
        values = (
            error.service_name,
            datetime_from_ms(minute),
            shard_of(error.log_id),
            datetime_from_ms(error.timestamp_ms),
            UUID(error.log_id),
        )
        return any(self._pages([(self._statements["one"], values)], timeout_seconds))

    def _partitions(self, window: Window, level: str | None) -> Iterator[Query]:
        start, end = datetime_from_ms(window.start_ms), datetime_from_ms(window.end_ms)
        first = window.start_ms - window.start_ms % MINUTE_MS
        for minute in range(first, window.end_ms, MINUTE_MS):
            for shard in range(SHARDS):
                values = (window.service_name, datetime_from_ms(minute), shard, start, end)
                if level is None:
                    yield self._statements["window"], values
                else:
                    yield self._statements["level"], (*values, level)

    def _pages(
        self, queries: Sequence[Query], timeout_seconds: float
    ) -> Iterator[list[Any] | None]:
        """The rows of each query, or None where it failed or was late."""
        if timeout_seconds <= 0:
            return iter([None] * len(queries))
        # One page only: its limit is below the driver's page.
        pages = pages_in_time(self._session, queries, timeout_seconds)
        failed = [page for page in pages if isinstance(page, Exception)]
        if failed:
            _log.warning(
                "context_incomplete",
                queries=len(queries),
                failed=len(failed),
                reason=f"{type(failed[0]).__name__}: {failed[0]}"[:300],
            )
        return (page if isinstance(page, list) else None for page in pages)
