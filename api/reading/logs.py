"""Reads stored logs in pages, around one line, and as they come in."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final
from uuid import UUID

from api.guard.problems import Problem
from api.reading.cursor import Position
from firstcause.storage.log_history import LogHistory, LogQuery, LogRow
from firstcause.storage.stored_time import datetime_from_ms, ms_from_datetime

# Without a search index each service is read by itself.
SERVICES_MAX: Final = 200
# Lines around one are looked for so far away.
AROUND: Final = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class LogFilter:
    """Which logs: of these services (all when empty) in [start, end], of one level or all.

    With `anomalies` only those with one of these severities in the column `anomaly`.
    """

    services: tuple[str, ...]
    start: datetime
    end: datetime
    level: str | None = None
    anomalies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LogPage:
    """Rows newest first, those of one millisecond by id; `next` where there is more."""

    rows: Sequence[LogRow]
    next: Position | None


class LogReader:
    """Reads logs; methods block and raise the driver's errors. Safe to share among threads.

    `step` is called between the steps of a reading; what it raises ends it.
    """

    def __init__(self, history: LogHistory) -> None:
        self._history = history

    def services(self) -> dict[str, datetime]:
        """When each service was last heard (event time), by name."""
        return self._history.services()

    def of_trace(self, trace_id: str, limit: int) -> list[LogRow]:
        """The logs of one trace, oldest first."""
        return self._history.of_trace(trace_id, limit)

    def page(
        self, wanted: LogFilter, after: Position | None, limit: int, step: Callable[[], None]
    ) -> LogPage:
        """The next `limit` rows after a position.

        Rows that arrive while somebody pages are found where they belong: those before the
        position are missed, no row comes twice.

        Raises:
            Problem: 400, too many services to read them one by one.
        """
        rows = list(itertools.islice(self._rows(wanted, after, step), limit + 1))
        more = len(rows) > limit
        return LogPage(rows[:limit], position_of_row(rows[limit - 1]) if more else None)

    def around(
        self, service: str, at: Position, count: int, step: Callable[[], None]
    ) -> tuple[list[LogRow], LogRow | None, list[LogRow]]:
        """Lines of a service before a line, the line, and those after it; each oldest first.

        `count` at the most on each side, and none further away than `AROUND`. The line is None
        when it is not stored.
        """
        moment = datetime_from_ms(at.at_ms)
        query = LogQuery(service, moment - AROUND, moment)
        line: LogRow | None = None
        before: list[LogRow] = []
        for row in self._history.of_service(query, step):
            if str(row["log_id"]) == at.last_id:
                line = row
            elif line is not None or row["timestamp"] < moment:
                before.append(row)
            if len(before) == count:
                break
        later = LogQuery(service, moment, moment + AROUND)
        after: list[LogRow] = []
        seen = {at.last_id, *(str(row["log_id"]) for row in before)}
        for row in self._history.of_service(later, step):
            if str(row["log_id"]) not in seen:
                after.append(row)
                # Read newest first: only the oldest of them stand beside the line.
                del after[: max(0, len(after) - count)]
        return before[::-1], line, after[::-1]

    def _rows(
        self, wanted: LogFilter, after: Position | None, step: Callable[[], None]
    ) -> Iterator[LogRow]:
        names = wanted.services or tuple(sorted(self.services()))
        if len(names) > SERVICES_MAX:
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                f"{len(names)} services: name {SERVICES_MAX} of them at the most (service=).",
            )
        end = wanted.end
        if after is not None:
            end = min(end, datetime_from_ms(after.at_ms))
        days = self._history.stored_days(wanted.start, end)
        asked = LogQuery("", wanted.start, end, wanted.level, anomalies=wanted.anomalies)
        streams = [
            self._history.of_service(replace(asked, service_name=name), step, days)
            for name in names
        ]
        merged = heapq.merge(*streams, key=lambda row: row["timestamp"], reverse=True)
        for moment, same_time in itertools.groupby(merged, key=lambda row: row["timestamp"]):
            for row in sorted(same_time, key=lambda row: str(row["log_id"])):
                if after is None or not _given(row, moment, after):
                    yield row


def position_of_row(row: LogRow) -> Position:
    """Where a row stands."""
    log_id: UUID = row["log_id"]
    return Position(ms_from_datetime(row["timestamp"]), str(log_id))


def _given(row: LogRow, moment: datetime, after: Position) -> bool:
    return ms_from_datetime(moment) == after.at_ms and str(row["log_id"]) <= after.last_id
