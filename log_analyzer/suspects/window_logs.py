"""Reads the stored logs of a ranking's window, within limits of rows and time."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from cassandra.cluster import OperationTimedOut, Session

from firstcause.events.log_event import LogEvent
from firstcause.storage.cassandra import prepare_all, rows_of_each
from firstcause.storage.log_minutes import LogMinutes
from firstcause.storage.log_partition import SHARDS
from firstcause.storage.stored_time import datetime_from_ms, optional_ms
from log_analyzer.incidents.call_graph import CallGraphStore
from log_analyzer.suspects.stored_event import stored_event
from log_analyzer.suspects.window import RankingWindow, in_order_of_interest, sample_of_traces

SERVICES_READ: Final = 64
# About 2 s of reading and 2 s of ranking on one core.
EVENTS_READ: Final = 24_000
TRACES_READ: Final = 500
TRACE_ROWS: Final = 500
LEAST_ROWS: Final = 50

_COLUMNS: Final = (
    "log_id, timestamp, service_name, level, message, logger, error_code, trace_id, span_id, "
    "parent_span_id, status_code, latency_ms, attributes"
)
_CQL: Final = {
    "services": "SELECT service_name, last_heard FROM services",
    "partition": f"SELECT {_COLUMNS} FROM logs WHERE service_name = ? "  # noqa: S608
    "AND minute = ? AND shard = ? AND timestamp >= ? AND timestamp < ? LIMIT ?",
    "trace": f"SELECT {_COLUMNS} FROM logs WHERE trace_id = ? LIMIT {TRACE_ROWS + 1}",  # noqa: S608
}


@dataclass(frozen=True, slots=True)
class LogReading:
    """The events of a window; `whole` is False if they are a sample of its traces."""

    events: tuple[LogEvent, ...]
    whole: bool


class RankingLogs:
    """All events of a window; if there are too many, whole traces chosen by a hash."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)
        self._minutes = LogMinutes(session)
        self._calls = CallGraphStore(session)

    def read(
        self, window: RankingWindow, services: Iterable[str], timeout_seconds: float
    ) -> LogReading:
        """The events of a window, those of `services` for certain, of others as room is left.

        Blocks for `timeout_seconds` at the most and raises the driver's errors: a reading that
        lacks a part would make that part look silent.
        """
        ends_at = time.monotonic() + timeout_seconds
        parts = self._partitions(window, self._services(window, services, ends_at), ends_at)
        limit = max(LEAST_ROWS, EVENTS_READ // max(1, len(parts)))
        start, end = datetime_from_ms(window.start_ms), datetime_from_ms(window.end_ms)
        pages = self._rows("partition", [(*part, start, end, limit) for part in parts], ends_at)
        events = [stored_event(row) for page in pages for row in page]
        if all(len(page) < limit for page in pages):
            return LogReading(tuple(events), whole=True)
        traces = sample_of_traces(events, TRACES_READ)
        pages = self._rows("trace", [(trace,) for trace in traces], ends_at)
        # Of a longer one anything might be missing.
        chosen = (page for page in pages if len(page) <= TRACE_ROWS)
        untraced = (event for event in events if event.trace_id is None)
        return LogReading(
            (*(stored_event(row) for page in chosen for row in page), *untraced), whole=False
        )

    def _services(
        self, window: RankingWindow, incident: Iterable[str], ends_at: float
    ) -> tuple[str, ...]:
        [heard] = self._rows("services", [()], ends_at)
        return in_order_of_interest(
            (
                row.service_name
                for row in heard
                if (optional_ms(row.last_heard) or 0) >= window.start_ms
            ),
            incident,
            self._calls.load(_left(ends_at)).calls,
            SERVICES_READ,
        )

    def _partitions(
        self, window: RankingWindow, services: Sequence[str], ends_at: float
    ) -> list[tuple[str, datetime, int]]:
        """The partitions of the window that hold something."""
        minutes = self._minutes.of(services, window.start_ms, window.end_ms, _left(ends_at))
        return [(*one, shard) for one in minutes for shard in range(SHARDS)]

    def _rows(
        self, name: str, values: Sequence[tuple[object, ...]], ends_at: float
    ) -> list[list[Any]]:
        return rows_of_each(self._session, self._statements[name], values, _left(ends_at))


def _left(ends_at: float) -> float:
    """Seconds until then; raises OperationTimedOut when none are left."""
    left = ends_at - time.monotonic()
    if left <= 0:
        raise OperationTimedOut("no time is left to read a ranking's window")
    # A moment at least: the driver takes 0 for no bound.
    return max(0.01, left)
