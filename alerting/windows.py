"""The row of window metrics: what was measured of a service between two times. Pure.

The stream and the backfill write these rows, rules and objectives read them. Rows of disjoint times
add up to the row of the whole time, in any order.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from alerting.measures.sketch import quantile, value_of
from alerting.measures.sums import known, summed

MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
# No service is called so: a service's name is never empty.
ALL_SERVICES: Final = ""


class WindowKind(StrEnum):
    """Which windows: tumbling ones of 1 and 5 minutes, and 5 minutes that slide by one."""

    MINUTE = "1m"
    FIVE_MINUTES = "5m"
    SLIDING_FIVE_MINUTES = "5m_1m"

    @property
    def length_ms(self) -> int:
        """How long a window is."""
        return MINUTE_MS if self is WindowKind.MINUTE else 5 * MINUTE_MS

    @property
    def step_ms(self) -> int:
        """From the start of a window to that of the next."""
        return 5 * MINUTE_MS if self is WindowKind.FIVE_MINUTES else MINUTE_MS


@dataclass(frozen=True, slots=True)
class WindowMetrics:
    """Of the events of a service with a timestamp in [start_ms, end_ms), each counted once.

    Attributes:
        service_name: whose events; `ALL_SERVICES` for those of all.
        kind: which windows this one belongs to.
        start_ms: its beginning, in ms since the epoch (UTC).
        end_ms: its end, no part of it.
        events: how many.
        levels: how many by level (TRACE ... FATAL); levels without one are left out, and so below.
        status_classes: how many by the class of their status code: `1xx` ... `5xx`.
        error_codes: how many by error code; empty where that was not measured.
        latency_sum_ms: of the measured latencies.
        latency_min_ms: the smallest; None when none was measured.
        latency_max_ms: the largest; None when none was measured.
        buckets: a DDSketch of the latencies in ms (`alerting.measures.sketch`): count by bucket.
        unmeasured: events whose latency is negative, no number or beyond the sketch.
        users: how many different users; None where that is not known.
        traces: how many different traces; None where that is not known.
    """

    service_name: str
    kind: WindowKind
    start_ms: int
    end_ms: int
    events: int = 0
    levels: Mapping[str, int] = field(default_factory=dict)
    status_classes: Mapping[str, int] = field(default_factory=dict)
    error_codes: Mapping[str, int] = field(default_factory=dict)
    latency_sum_ms: float = 0.0
    latency_min_ms: float | None = None
    latency_max_ms: float | None = None
    buckets: Mapping[int, int] = field(default_factory=dict)
    unmeasured: int = 0
    users: int | None = None
    traces: int | None = None

    @property
    def errors(self) -> int:
        """Events of level ERROR or FATAL."""
        return self.levels.get("ERROR", 0) + self.levels.get("FATAL", 0)

    @property
    def error_rate(self) -> float | None:
        """The share of errors among the events, 0 to 1; None without events."""
        return self.errors / self.events if self.events else None

    @property
    def latency_count(self) -> int:
        """How many latencies were measured."""
        return sum(self.buckets.values())

    @property
    def latency_mean_ms(self) -> float | None:
        """The average latency; None when none was measured."""
        count = self.latency_count
        return self.latency_sum_ms / count if count else None

    def percentile_ms(self, percent: float) -> float | None:
        """The latency below which `percent` (0 to 100) of the measured ones lie; None without any.

        It is within 1 % of the true value of rank `floor(percent / 100 * (count - 1))`.
        """
        return quantile(self.buckets, percent / 100)

    def slower_than(self, bound_ms: float) -> int:
        """How many latencies are above `bound_ms`; one within 1 % of it may fall on either side."""
        ordered = sorted(self.buckets)
        first = bisect.bisect_right(ordered, bound_ms, key=value_of)
        return sum(self.buckets[bucket] for bucket in ordered[first:])


def added_up(
    rows: Sequence[WindowMetrics], *, kind: WindowKind, start_ms: int, end_ms: int
) -> WindowMetrics:
    """The row of [start_ms, end_ms) that these rows of disjoint times inside it make.

    How many different users and traces there were is not known of a sum, unless it has one row.

    Raises:
        ValueError: there is no row, or rows of several services.
    """
    services = {row.service_name for row in rows}
    if len(services) != 1:
        raise ValueError(f"rows of one service add up, and these are of {sorted(services)}")
    only = rows[0] if len(rows) == 1 else None
    return WindowMetrics(
        service_name=services.pop(),
        kind=kind,
        start_ms=start_ms,
        end_ms=end_ms,
        events=sum(row.events for row in rows),
        levels=summed(row.levels for row in rows),
        status_classes=summed(row.status_classes for row in rows),
        error_codes=summed(row.error_codes for row in rows),
        latency_sum_ms=sum(row.latency_sum_ms for row in rows),
        latency_min_ms=min(known(row.latency_min_ms for row in rows), default=None),
        latency_max_ms=max(known(row.latency_max_ms for row in rows), default=None),
        buckets=summed(row.buckets for row in rows),
        unmeasured=sum(row.unmeasured for row in rows),
        users=only.users if only else None,
        traces=only.traces if only else None,
    )
