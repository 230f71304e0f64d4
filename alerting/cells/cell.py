"""What was measured of a service in a minute, and how minutes add up. Pure.

Sums are integers and sketches are sets and counts: in whatever order and grouping events come, the
same events give the same measures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from alerting.cells.distinct import NO_HASHES, Hashes, united
from alerting.measures.sums import known, summed
from alerting.windows import ALL_SERVICES

STATUS_CLASSES: Final = ("1xx", "2xx", "3xx", "4xx", "5xx")


@dataclass(frozen=True, slots=True)
class Measures:
    """Of some events, each counted once.

    Attributes:
        events: how many.
        levels: how many by level; levels without one are left out, and so below.
        status_classes: how many by the class of their status code, `5xx` for 500 to 599.
        latency_sum_ns: of the measured latencies.
        latency_min_ms: the smallest; None when none was measured.
        latency_max_ms: the largest; None when none was measured.
        unmeasured: events whose latency is negative, infinite, no number or beyond the sketch.
        buckets: a DDSketch of the measured latencies, counts by bucket.
        users: the sketch of distinct users.
        traces: the sketch of distinct traces.
    """

    events: int
    levels: Mapping[str, int]
    status_classes: Mapping[str, int]
    latency_sum_ns: int
    latency_min_ms: float | None
    latency_max_ms: float | None
    unmeasured: int
    buckets: Mapping[int, int]
    users: Hashes = NO_HASHES
    traces: Hashes = NO_HASHES


# A service, and the beginning of a minute in ms since the epoch.
CellKey = tuple[str, int]


def added_up(parts: Sequence[Measures]) -> Measures:
    """The measures of all events of these; at least one."""
    if len(parts) == 1:
        return parts[0]
    return Measures(
        events=sum(part.events for part in parts),
        levels=summed(part.levels for part in parts),
        status_classes=summed(part.status_classes for part in parts),
        latency_sum_ns=sum(part.latency_sum_ns for part in parts),
        latency_min_ms=min(known(part.latency_min_ms for part in parts), default=None),
        latency_max_ms=max(known(part.latency_max_ms for part in parts), default=None),
        unmeasured=sum(part.unmeasured for part in parts),
        buckets=summed(part.buckets for part in parts),
        users=united([part.users for part in parts]),
        traces=united([part.traces for part in parts]),
    )


def with_all_services(cells: Mapping[CellKey, Measures]) -> dict[CellKey, Measures]:
    """These cells of services, and for each minute that of `ALL_SERVICES`."""
    minutes: dict[int, list[Measures]] = {}
    for (_, minute_ms), measures in cells.items():
        minutes.setdefault(minute_ms, []).append(measures)
    over_all = {(ALL_SERVICES, at_ms): added_up(parts) for at_ms, parts in minutes.items()}
    return {**cells, **over_all}
