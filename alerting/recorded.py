"""Minutes of recorded log events, as the stream measures them. Pure."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Final

from alerting.measures.sketch import LATENCY_MAX_MS, bucket_of
from alerting.windows import MINUTE_MS, WindowKind, WindowMetrics
from firstcause.events.log_event import LogEvent

_STATUS_MIN: Final = 100
_STATUS_MAX: Final = 599


def minutes_of(events: Iterable[LogEvent]) -> list[WindowMetrics]:
    """A row a service and minute, oldest first; an event counts once, however often it comes."""
    cells: dict[tuple[int, str], dict[str, LogEvent]] = defaultdict(dict)
    for event in events:
        start_ms = event.timestamp_ms - event.timestamp_ms % MINUTE_MS
        cells[start_ms, event.service_name].setdefault(event.log_id, event)
    return [
        _row(service, start_ms, list(cells[start_ms, service].values()))
        for start_ms, service in sorted(cells)
    ]


def _row(service_name: str, start_ms: int, events: list[LogEvent]) -> WindowMetrics:
    told = [event.latency_ms for event in events if event.latency_ms is not None]
    latencies = [one for one in told if math.isfinite(one) and 0 <= one <= LATENCY_MAX_MS]
    statuses = [event.status_code for event in events if event.status_code is not None]
    return WindowMetrics(
        service_name=service_name,
        kind=WindowKind.MINUTE,
        start_ms=start_ms,
        end_ms=start_ms + MINUTE_MS,
        events=len(events),
        levels=Counter(event.level for event in events),
        status_classes=Counter(
            f"{status // 100}xx" for status in statuses if _STATUS_MIN <= status <= _STATUS_MAX
        ),
        error_codes=Counter(event.error_code for event in events if event.error_code),
        latency_sum_ms=math.fsum(latencies),
        latency_min_ms=min(latencies, default=None),
        latency_max_ms=max(latencies, default=None),
        buckets=Counter(map(bucket_of, latencies)),
        unmeasured=len(told) - len(latencies),
        users=len({event.user_id for event in events if event.user_id}),
        traces=len({event.trace_id for event in events if event.trace_id}),
    )
