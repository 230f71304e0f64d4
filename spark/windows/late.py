"""Counts the events behind the watermark, which no window has, by service and minute.

Spark drops them without telling whose they were. So where it says that a batch had some, the
batch's range of the topic is read a second time, for these alone. How far that got is kept beside
the checkpoint: what a killed driver left out, the next one counts.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import structlog
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from firstcause.settings import Settings
from spark.streaming.checkpoint import (
    UnusableCheckpoint,
    newest_finished,
    offsets_of,
    planned_at_ms,
    query_id,
    watermark_ms,
)
from spark.streaming.query import shortest_reason
from spark.streaming.source import records_between
from spark.windows.measures import CLOCK
from spark.windows.store import Mark, WindowStore

LATE: Final = "late"
COUNTED_FILE: Final = "late_counted"
RETRY_SECONDS: Final = 5.0
# Spark keeps the plans of so many batches; of older ones the ranges are not known any more.
KEPT_BATCHES: Final = 90

log = structlog.get_logger(__name__)


class LateEvents:
    """To be asked after each batch; remembers which batches were looked at."""

    def __init__(
        self,
        session: SparkSession,
        settings: Settings,
        store: WindowStore,
        checkpoint: Path,
        measure: Callable[[DataFrame], DataFrame],
    ) -> None:
        self._session = session
        self._settings = settings
        self._store = store
        self._checkpoint = checkpoint
        self._measure = measure
        self._counted: int | None = None
        self._retry_at = 0.0
        self._seen = -1

    def look(self, dropped: Callable[[], dict[int, int]]) -> None:
        """Counts the late events of the batches that finished since; raises nothing.

        Blocks while a range is read again. What fails is logged, and tried again 5 s later.

        Args:
            dropped: how many rows Spark dropped, by batch; one that it does not tell of is read.
        """
        if time.monotonic() < self._retry_at:
            return
        try:
            self._count_up_to(newest_finished(self._checkpoint), dropped)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is tried again
            self._retry_at = time.monotonic() + RETRY_SECONDS
            log.warning("late_events_not_counted", error=shortest_reason(str(error)))

    def _count_up_to(self, newest: int, dropped: Callable[[], dict[int, int]]) -> None:
        if self._counted is None:
            self._counted = self._read_counted()
        if newest <= self._counted:
            return
        told = dropped()
        if newest not in told and newest != self._seen:
            # Spark tells of a batch just after it has finished it.
            self._seen = newest
            return
        for batch_id in range(max(self._counted + 1, newest - KEPT_BATCHES), newest + 1):
            if told.get(batch_id) != 0:
                self._count(batch_id, told.get(batch_id))
            self._write_counted(batch_id)

    def _count(self, batch_id: int, told: int | None) -> None:
        watermark = watermark_ms(self._checkpoint, batch_id)
        if not watermark or batch_id == 0:
            return
        noticed_ms = planned_at_ms(self._checkpoint, batch_id)
        if noticed_ms is None:
            raise UnusableCheckpoint(f"The plan of batch {batch_id} cannot be read.")
        records = records_between(
            self._session,
            self._settings,
            offsets_of(self._checkpoint, batch_id - 1),
            offsets_of(self._checkpoint, batch_id),
        )
        late = self._measure(records).where(F.unix_millis(F.col(CLOCK)) <= watermark)
        rows: list[Any] = late.groupBy("service_name", "minute_ms").count().collect()
        marks = [Mark(row.service_name, row.minute_ms, LATE, row["count"]) for row in rows]
        self._store.write_marks(
            marks,
            query_id=query_id(self._checkpoint),
            batch_id=batch_id,
            noticed_ms=noticed_ms,
        )
        if marks:
            found = sum(mark.events for mark in marks)
            log.info("late_events", batch_id=batch_id, events=found, told_by_spark=told)

    def _write_counted(self, batch_id: int) -> None:
        self._file.with_suffix(".tmp").write_text(str(batch_id), encoding="utf-8")
        self._file.with_suffix(".tmp").replace(self._file)
        self._counted = batch_id

    @property
    def _file(self) -> Path:
        return self._checkpoint / COUNTED_FILE

    def _read_counted(self) -> int:
        return int(self._file.read_text(encoding="utf-8")) if self._file.exists() else -1
