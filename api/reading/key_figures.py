"""Reads what dashboards ask each second: from the hot state, or from Cassandra while it is away."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Generic, Literal, TypeVar

from alerting.windows import ALL_SERVICES, WindowKind, WindowMetrics
from api import metrics
from api.reading.stores import Stores
from api.reading.windows import WindowTime, sums
from firstcause.alerts.open_alerts import open_alerts
from firstcause.hot_state.records import HORIZON_MS, HotState
from firstcause.storage.stored_time import datetime_from_ms

Source = Literal["redis", "cassandra"]
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Sourced(Generic[Found]):
    """What was read, where, and how old it is; no age where the stream has never written."""

    found: Found
    source: Source
    age_seconds: float | None


@dataclass(frozen=True, slots=True)
class KeyFigures:
    """What was measured of all services together and of each, and the alerts that last."""

    total: WindowMetrics | None
    each: Sequence[WindowMetrics]
    open_alerts: Mapping[str, int]


def key_figures(
    stores: Stores, services: Sequence[str], asked: WindowTime, step: Callable[[], None]
) -> Sourced[KeyFigures]:
    """The key figures of services (without any: of all) over a time; the age is the stream's.

    Blocks; raises the driver's errors, and what `sums` does.
    """
    now_ms = _now_ms()
    hot = _hot_figures(stores, services, asked, step, now_ms)
    if hot is not None:
        return _counted(hot)
    names = services or sorted(stores.logs.services())
    total, each = sums(stores.windows, names, asked, step)
    progress = stores.windows.progress()
    age = None if progress is None else _seconds(progress.written_ms, now_ms)
    figures = KeyFigures(total, each, open_alerts(stores.alerts, now_ms))
    return _counted(Sourced(figures, "cassandra", age))


def last_heard(stores: Stores) -> Sourced[dict[str, datetime]]:
    """When each service was last heard; the age is that of the copy. Blocks."""
    state = _state(stores)
    if state is not None:
        heard = {name: datetime_from_ms(at_ms) for name, at_ms in state.services.items()}
        return _counted(Sourced(heard, "redis", _seconds(state.copied_ms, _now_ms())))
    return _counted(Sourced(stores.logs.services(), "cassandra", 0.0))


def _hot_figures(
    stores: Stores,
    services: Sequence[str],
    asked: WindowTime,
    step: Callable[[], None],
    now_ms: int,
) -> Sourced[KeyFigures] | None:
    if asked.kind is not WindowKind.MINUTE or asked.start_ms < now_ms - HORIZON_MS:
        return None
    state = _state(stores)
    if stores.hot is None or state is None:
        return None
    names = services or sorted(state.services)
    minutes = stores.hot.minutes([*names, ALL_SERVICES], asked.start_ms, asked.end_ms, step)
    if minutes is None:
        return None
    total, each = sums(minutes, names, asked, step)
    age = None if state.stream_ms is None else _seconds(state.stream_ms, now_ms)
    return Sourced(KeyFigures(total, each, state.open_alerts), "redis", age)


def _state(stores: Stores) -> HotState | None:
    return None if stores.hot is None else stores.hot.state()


def _counted(read: Sourced[Found]) -> Sourced[Found]:
    metrics.KEY_FIGURES.labels(read.source).inc()
    return read


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _seconds(since_ms: int, now_ms: int) -> float:
    return max(0, now_ms - since_ms) / 1_000
