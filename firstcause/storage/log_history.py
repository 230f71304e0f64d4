"""Reads stored logs: of a service between two times, or of one trace."""

from __future__ import annotations

import heapq
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args

from firstcause.storage.log_partition import SHARDS

DaysByService = Mapping[str, Sequence[date]]

PAGE_ROWS: Final = 500
# Of a longer time the days that hold logs are looked up first, not asked for one by one.
MANY_DAYS: Final = timedelta(days=60)

COLUMNS: Final = (
    "log_id",
    "timestamp",
    "service_name",
    "level",
    "message",
    "instance",
    "logger",
    "region",
    "cloud_provider",
    "request_id",
    "user_id",
    "session_id",
    "error_code",
    "exception",
    "trace_id",
    "span_id",
    "parent_span_id",
    "status_code",
    "latency_ms",
    "attributes",
    "anomaly",
)

LogRow = dict[str, Any]

_CONDITIONS: Final = {
    "": "",
    "level": "level = ?",
    "status_code": "status_code = ?",
    "anomaly": "anomaly IN ?",
}


@dataclass(frozen=True, slots=True)
class LogQuery:
    """Logs of one service in [start, end], both aware datetimes.

    Optionally only those of one level, of one status code, or of any of `anomalies`: severities,
    as the column `anomaly` has them.
    """

    service_name: str
    start: datetime
    end: datetime
    level: str | None = None
    status_code: int | None = None
    anomalies: tuple[str, ...] = ()


class LogHistory:
    """Reads the tables `logs`, `log_minutes` and `services` through one session.

    All methods block; they raise the Cassandra driver's errors.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        names = ", ".join(COLUMNS)
        partition = "service_name = ? AND minute = ? AND shard = ?"
        times = "timestamp >= ? AND timestamp <= ?"
        self._minutes = session.prepare(
            "SELECT minute FROM log_minutes WHERE service_name = ? AND day = ? "
            "AND minute >= ? AND minute <= ?"
        )
        self._by_filter = {
            column: session.prepare(
                f"SELECT {names} FROM logs WHERE {partition} AND {times}"  # noqa: S608
                + (f" AND {condition} ALLOW FILTERING" if condition else "")
            )
            for column, condition in _CONDITIONS.items()
        }
        self._trace = session.prepare(
            f"SELECT {names} FROM logs WHERE trace_id = ? LIMIT ?"  # noqa: S608
        )

    def of_service(
        self,
        query: LogQuery,
        step: Callable[[], None] = lambda: None,
        days: DaysByService | None = None,
    ) -> Iterator[LogRow]:
        """Logs as dicts by column (absent ones left out), newest first, read as they are taken.

        Those of one millisecond come by log id. Asks for the minutes in which the service logged,
        newest first, and for each of them merges its shards: a page costs what it shows, not what
        the time span holds. `step` is called before each query; what it raises ends the reading.
        `days` is what `stored_days` gave for the span, where several services are read.
        """
        for minute in self._minutes_of(query, step, days):
            step()
            yield from self._of_minute(query, minute)

    def of_trace(self, trace_id: str, limit: int = 10_000) -> list[LogRow]:
        """Logs of one trace over all services, oldest first; at most `limit`."""
        rows = [present_row(row) for row in self._session.execute(self._trace, (trace_id, limit))]
        return sorted(rows, key=lambda row: (row["timestamp"], str(row["log_id"])))

    def services(self) -> dict[str, datetime]:
        """The time of each service's last log event (event time, UTC), by name."""
        rows = self._session.execute("SELECT service_name, last_heard FROM services")
        return {row.service_name: row.last_heard.replace(tzinfo=UTC) for row in rows}

    def stored_days(self, start: datetime, end: datetime) -> DaysByService | None:
        """The days with logs by service, newest first; None for a span of which each is asked for.

        One look through the keys of all services, which is less than a question a day and service.
        """
        if end - start <= MANY_DAYS:
            return None
        first, last = start.astimezone(UTC).date(), end.astimezone(UTC).date()
        found: dict[str, list[date]] = defaultdict(list)
        for key in self._session.execute("SELECT DISTINCT service_name, day FROM log_minutes"):
            if first <= key.day.date() <= last:
                found[key.service_name].append(key.day.date())
        return {service: sorted(days, reverse=True) for service, days in found.items()}

    def _minutes_of(
        self, query: LogQuery, step: Callable[[], None], days: DaysByService | None
    ) -> Iterator[datetime]:
        first = query.start.astimezone(UTC).replace(second=0, microsecond=0)
        known = self.stored_days(query.start, query.end) if days is None else days
        asked = (
            _days_back(query.start, query.end)
            if known is None
            else known.get(query.service_name, ())
        )
        for day in asked:
            step()
            arguments = (query.service_name, day, first, query.end)
            for row in self._session.execute(self._minutes, arguments):
                yield row.minute

    def _of_minute(self, query: LogQuery, minute: datetime) -> Iterator[LogRow]:
        column, tail = _filter_of(query)
        arguments = [
            (query.service_name, minute, shard, query.start, query.end, *tail)
            for shard in range(SHARDS)
        ]
        results = execute_concurrent_with_args(
            self._session, self._by_filter[column], arguments, raise_on_first_error=True
        )
        merged = heapq.merge(
            *(_once(result.result_or_exc) for result in results),
            key=lambda row: row.timestamp,
            reverse=True,
        )
        for _, same_time in itertools.groupby(merged, key=lambda row: row.timestamp):
            for row in map(present_row, sorted(same_time, key=lambda row: str(row.log_id))):
                if _fits(query, row):
                    yield row


def _once(rows: Iterable[Any]) -> Iterator[Any]:
    """The rows, whoever asks for their iterator again.

    The driver's result begins anew then, and heapq.merge asks again for the last one that is left.
    """
    yield from rows


def _days_back(start: datetime, end: datetime) -> Iterator[date]:
    last = end.astimezone(UTC).date()
    for back in itertools.count():
        day = last - timedelta(days=back)
        if day < start.astimezone(UTC).date():
            return
        yield day


def _filter_of(query: LogQuery) -> tuple[str, tuple[object, ...]]:
    """The column that Cassandra filters by, and what is bound to its condition."""
    if query.level is not None:
        return "level", (query.level,)
    if query.status_code is not None:
        return "status_code", (query.status_code,)
    return ("anomaly", (query.anomalies,)) if query.anomalies else ("", ())


def _fits(query: LogQuery, row: LogRow) -> bool:
    """Cassandra filters by one column; the others are checked here."""
    return (
        query.level in (None, row.get("level"))
        and query.status_code in (None, row.get("status_code"))
        and (not query.anomalies or row.get("anomaly") in query.anomalies)
    )


def present_row(row: Any) -> LogRow:
    """A row of the driver as a dict; what it does not have is left out; its time is UTC."""
    found = {name: item for name, item in row._asdict().items() if item is not None}
    found["timestamp"] = found["timestamp"].replace(tzinfo=UTC)
    if "attributes" in found:
        found["attributes"] = dict(found["attributes"])
    return found
