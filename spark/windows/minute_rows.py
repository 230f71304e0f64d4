"""Turns the rows of `minute_sums` into measures."""

from __future__ import annotations

from typing import Any, Final

from pyspark.sql import Row

from alerting.cells.cell import STATUS_CLASSES, CellKey, Measures
from alerting.cells.distinct import sketch_of
from firstcause.events.log_event import LEVELS

_NS_PER_MS: Final = 1_000_000


def read_row(row: Row) -> tuple[CellKey, Measures]:
    """A service, a minute (ms since the epoch) and what was measured."""
    key = (row.service_name, row.minute_ms)
    return key, Measures(
        events=row.events,
        levels=_counts(row, "level", LEVELS),
        status_classes=_counts(row, "status", STATUS_CLASSES),
        latency_sum_ns=(row.whole_ms or 0) * _NS_PER_MS + (row.rest_ns or 0),
        latency_min_ms=row.latency_min_ms,
        latency_max_ms=row.latency_max_ms,
        unmeasured=row.unmeasured,
        buckets={pair.bucket: pair.events for pair in row.buckets},
        users=sketch_of(row.users),
        traces=sketch_of(row.traces),
    )


def _counts(row: Any, prefix: str, names: tuple[str, ...]) -> dict[str, int]:
    return {name: count for name in names if (count := row[f"{prefix}_{name}"])}
