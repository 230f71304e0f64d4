"""Adds one micro-batch to the window metrics: what Spark's `foreachBatch` calls.

Each cell names the last micro-batch that is in it. A batch that is run again, since its driver was
killed in the middle, is left out of the cells that have it; and windows are written from cells as a
whole. So the tables are the same however often a batch is begun.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final
from uuid import UUID

import structlog
from pyspark.sql import DataFrame

from alerting.cells.cell import CellKey, Measures, added_up, with_all_services
from alerting.cells.windowing import minutes_around, windows_with
from alerting.windows import ALL_SERVICES
from spark.windows.measures import minute_sums
from spark.windows.minute_rows import read_row
from spark.windows.store import Cell, Mark, WindowStore

# Why a minute has to be made anew.
AHEAD: Final = "ahead"
HEALED: Final = "healed"
RESTART: Final = "restart"

log = structlog.get_logger(__name__)


class WindowBatch:
    """Adds micro-batches of `measured` events, each of them once.

    Args:
        store: the tables.
        query_id: tells the life of the checkpoint; asked in each batch.
        planned_ms: when a batch was first planned, ms since the epoch.
    """

    def __init__(
        self, store: WindowStore, query_id: Callable[[], UUID], planned_ms: Callable[[int], int]
    ) -> None:
        self._store = store
        self._query_id = query_id
        self._planned_ms = planned_ms

    def __call__(self, events: DataFrame, batch_id: int) -> None:
        """Writes marks, cells and windows; blocks until they are durable.

        Raises what Spark or Cassandra's driver does; the batch is then to be repeated.
        """
        rows = minute_sums(events).collect()
        if not rows:
            return
        ahead = {Mark(row.service_name, row.minute_ms, AHEAD, row.ahead) for row in rows}
        parts = with_all_services(dict(map(read_row, rows)))
        windows = self._add(parts, {one for one in ahead if one.events}, batch_id)
        log.info(
            "windows_added",
            batch_id=batch_id,
            events=sum(row.events for row in rows),
            minutes=len(parts),
            windows=windows,
        )

    def _add(self, parts: Mapping[CellKey, Measures], marks: set[Mark], batch_id: int) -> int:
        query_id = self._query_id()
        services = sorted({service for service, _ in parts})
        minutes = minutes_around(at_ms for _, at_ms in parts)
        cells = self._store.cells(services, minutes[0], minutes[-1])
        changed = {}
        for key, part in parts.items():
            cell, reason = with_part(cells.get(key), part, query_id, batch_id)
            if cell is not cells.get(key):
                cells[key] = changed[key] = cell
            if reason and key[0] != ALL_SERVICES:
                marks.add(Mark(*key, reason, part.events))
        # Marks first: a repetition finds the cells written, and has no reason to mark them.
        noticed_ms = self._planned_ms(batch_id)
        self._store.write_marks(marks, query_id=query_id, batch_id=batch_id, noticed_ms=noticed_ms)
        self._store.write_cells(changed.items())
        measures = {key: cell.measures for key, cell in cells.items()}
        return self._store.write_windows(windows_with(parts, measures))


def with_part(
    known: Cell | None, part: Measures, query_id: UUID, batch_id: int
) -> tuple[Cell, str | None]:
    """A cell with what a batch adds to it, and why it is to be made anew from the stored logs.

    `known` itself where the batch is in it already.
    """
    if known is None:
        return Cell(part, query_id, batch_id), None
    if known.query_id == query_id and known.batch_id is not None and known.batch_id >= batch_id:
        return known, None
    if known.query_id not in {query_id, None}:
        # An earlier life counted the same events; Kafka may not have all of them any more.
        return Cell(part, query_id, batch_id), RESTART
    summed = added_up([known.measures, part])
    reason = HEALED if known.is_healed else None
    return Cell(summed, query_id, batch_id, is_healed=known.is_healed), reason
