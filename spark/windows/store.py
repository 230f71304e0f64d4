"""The tables of the window metrics: running sums by minute, windows, marks, progress."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent
from cassandra.query import UNSET_VALUE

from alerting.cells.cell import CellKey, Measures
from alerting.windows import HOUR_MS, WindowMetrics
from firstcause.storage.cassandra import prepare_all, rows_of_each
from firstcause.storage.stored_time import datetime_from_ms, ms_from_datetime
from firstcause.storage.window_metrics import INSERT, PROGRESS, window_row

_WRITES_AT_ONCE: Final = 64
_SUMS: Final = (
    "events",
    "levels",
    "status_classes",
    "latency_sum_ns",
    "latency_min_ms",
    "latency_max_ms",
    "latency_unmeasured",
    "latency_buckets",
    "users",
    "traces",
)


def _insert_cell(*more: str) -> str:
    columns = ("service_name", "hour", "minute", *_SUMS, *more)
    values = ", ".join("?" * len(columns))
    return f"INSERT INTO window_cells ({', '.join(columns)}) VALUES ({values})"  # noqa: S608


_CQL: Final = {
    "read_cells": "SELECT * FROM window_cells WHERE service_name = ? AND hour = ? "
    "AND minute >= ? AND minute <= ?",
    "write_cell": _insert_cell("is_healed", "query_id", "batch_id"),
    "heal_cell": _insert_cell("is_healed"),
    "write_window": INSERT,
    "write_mark": "INSERT INTO window_marks (noticed_hour, service_name, minute, reason, query_id, "
    "batch_id, events) VALUES (?, ?, ?, ?, ?, ?, ?)",
    "write_progress": "INSERT INTO window_progress (job, query_id, batch_id, watermark, "
    "updated_at) VALUES (?, ?, ?, ?, ?)",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """The running sums of a service's minute.

    Attributes:
        measures: of the events that are in it.
        query_id: the life of the checkpoint that added the last ones; None where only the
            backfill did.
        batch_id: the last micro-batch that is in it.
        is_healed: the backfill made it from the stored logs.
    """

    measures: Measures
    query_id: UUID | None
    batch_id: int | None
    is_healed: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """A minute that the backfill has to make anew, and how many events say so."""

    service_name: str
    minute_ms: int
    reason: str
    events: int


class WindowStore:
    """Reads and writes the tables; each write is an upsert of a whole row.

    All calls block, and raise the driver's errors.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)

    def cells(self, services: Iterable[str], first_ms: int, last_ms: int) -> dict[CellKey, Cell]:
        """The cells of these services from one minute to another, both included."""
        hours = range(first_ms - first_ms % HOUR_MS, last_ms + 1, HOUR_MS)
        span = datetime_from_ms(first_ms), datetime_from_ms(last_ms)
        asked = [(name, datetime_from_ms(hour), *span) for name in services for hour in hours]
        rows = rows_of_each(self._session, self._statements["read_cells"], asked)
        return {
            (row.service_name, ms_from_datetime(row.minute)): _read_cell(row)
            for found in rows
            for row in found
        }

    def write_cells(self, cells: Iterable[tuple[CellKey, Cell]]) -> None:
        """Replaces these cells."""
        rows = (
            (
                *_sums_row(key, cell.measures),
                cell.is_healed,
                *(UNSET_VALUE if one is None else one for one in (cell.query_id, cell.batch_id)),
            )
            for key, cell in cells
        )
        self._write("write_cell", rows)

    def heal_cells(self, cells: Iterable[tuple[CellKey, Measures]]) -> None:
        """Replaces what was measured; which batch of the stream was the last stays."""
        self._write("heal_cell", ((*_sums_row(key, sums), True) for key, sums in cells))

    def write_windows(self, windows: Iterable[WindowMetrics]) -> int:
        """Replaces these windows; returns how many there were."""
        return self._write("write_window", map(window_row, windows))

    def write_marks(
        self, marks: Iterable[Mark], *, query_id: UUID, batch_id: int, noticed_ms: int
    ) -> None:
        """Adds marks of a micro-batch; `noticed_ms` has to be the same when it is repeated."""
        hour = datetime_from_ms(noticed_ms - noticed_ms % HOUR_MS)
        self._write(
            "write_mark",
            (
                (
                    *(hour, one.service_name, datetime_from_ms(one.minute_ms), one.reason),
                    *(query_id, batch_id, one.events),
                )
                for one in marks
            ),
        )

    def write_progress(self, query_id: UUID, batch_id: int, watermark_ms: int) -> None:
        """Says how far the stream is."""
        watermark = datetime_from_ms(watermark_ms)
        values = (PROGRESS, query_id, batch_id, watermark, datetime.now(UTC))
        self._session.execute(self._statements["write_progress"], values)

    def _write(self, name: str, rows: Iterable[tuple[Any, ...]]) -> int:
        statement, count = self._statements[name], 0

        def counted() -> Iterator[tuple[Any, tuple[Any, ...]]]:
            nonlocal count
            for row in rows:
                count += 1
                yield statement, row

        execute_concurrent(
            self._session, counted(), concurrency=_WRITES_AT_ONCE, raise_on_first_error=True
        )
        return count


def _read_cell(row: Any) -> Cell:
    return Cell(
        Measures(
            events=row.events,
            levels=dict(row.levels or {}),
            status_classes=dict(row.status_classes or {}),
            latency_sum_ns=row.latency_sum_ns,
            latency_min_ms=row.latency_min_ms,
            latency_max_ms=row.latency_max_ms,
            unmeasured=row.latency_unmeasured,
            buckets=dict(row.latency_buckets or {}),
            users=row.users or b"",
            traces=row.traces or b"",
        ),
        query_id=row.query_id,
        batch_id=row.batch_id,
        is_healed=bool(row.is_healed),
    )


def _sums_row(key: CellKey, sums: Measures) -> tuple[Any, ...]:
    service, minute_ms = key
    return (
        service,
        datetime_from_ms(minute_ms - minute_ms % HOUR_MS),
        datetime_from_ms(minute_ms),
        sums.events,
        dict(sums.levels),
        dict(sums.status_classes),
        sums.latency_sum_ns,
        *(
            UNSET_VALUE if value is None else value
            for value in (sums.latency_min_ms, sums.latency_max_ms)
        ),
        sums.unmeasured,
        dict(sums.buckets),
        sums.users,
        sums.traces,
    )
