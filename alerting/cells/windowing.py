"""How minutes add up to windows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from alerting.cells.cell import CellKey, Measures, added_up
from alerting.cells.distinct import distinct_count
from alerting.windows import MINUTE_MS, WindowKind, WindowMetrics

LONGEST_MS: Final = max(kind.length_ms for kind in WindowKind)
_NS_PER_MS: Final = 1_000_000


def starts_of(kind: WindowKind, minute_ms: int) -> range:
    """Starts of the windows of a kind that hold a minute."""
    first = minute_ms + MINUTE_MS - kind.length_ms
    return range(first + -first % kind.step_ms, minute_ms + 1, kind.step_ms)


def minutes_around(minutes_ms: Iterable[int]) -> list[int]:
    """All minutes, ascending, that share a window with one of these."""
    reach = LONGEST_MS - MINUTE_MS
    around = {
        near for at_ms in minutes_ms for near in range(at_ms - reach, at_ms + reach + 1, MINUTE_MS)
    }
    return sorted(around)


def windows_with(
    touched: Iterable[CellKey], cells: Mapping[CellKey, Measures]
) -> Iterator[WindowMetrics]:
    """The windows that hold one of the minutes `touched` and any event, each once.

    Args:
        touched: services and minutes.
        cells: what was measured in them and in the minutes around; a minute that is not there
            had no event.
    """
    wanted = {
        (service, kind.length_ms, start_ms)
        for service, at_ms in touched
        for kind in WindowKind
        for start_ms in starts_of(kind, at_ms)
    }
    for service, length_ms, start_ms in sorted(wanted):
        minutes = range(start_ms, start_ms + length_ms, MINUTE_MS)
        parts = [cells[key] for at_ms in minutes if (key := (service, at_ms)) in cells]
        if not parts:
            continue
        # Windows that slide and windows that tumble are the same where they start together.
        measures = added_up(parts)
        for kind in WindowKind:
            if kind.length_ms == length_ms and start_ms % kind.step_ms == 0:
                yield _window(service, kind, start_ms, measures)


def _window(service: str, kind: WindowKind, start_ms: int, found: Measures) -> WindowMetrics:
    return WindowMetrics(
        service_name=service,
        kind=kind,
        start_ms=start_ms,
        end_ms=start_ms + kind.length_ms,
        events=found.events,
        levels=found.levels,
        status_classes=found.status_classes,
        latency_sum_ms=found.latency_sum_ns / _NS_PER_MS,
        latency_min_ms=found.latency_min_ms,
        latency_max_ms=found.latency_max_ms,
        buckets=found.buckets,
        unmeasured=found.unmeasured,
        users=distinct_count(found.users),
        traces=distinct_count(found.traces),
    )
