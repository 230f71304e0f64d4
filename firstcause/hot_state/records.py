"""What the hot state holds: keys and values in Redis. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import orjson

from alerting.windows import WindowKind, WindowMetrics

# The time of `/kpi` without times of its own, and what was late for it.
HORIZON_MS: Final = 65 * 60_000
# Longer than a window lies within the horizon.
WINDOW_TTL_SECONDS: Final = 80 * 60
# Without a copier the hot state is not there for readers after so long.
STATE_TTL_SECONDS: Final = 15
# Of a window without events; a window whose key is missing is not known.
EMPTY: Final = b"{}"
STATE_KEY: Final = "agg:state"


@dataclass(frozen=True, slots=True)
class HotState:
    """What holds for all windows that were copied. All times in ms since the epoch.

    Attributes:
        copied_ms: when they were.
        stream_ms: when the stream had written windows last; None where it never had.
        services: when each service was last heard (event time).
        open_alerts: live alerts that last, by service; without those that have none.
    """

    copied_ms: int
    stream_ms: int | None
    services: Mapping[str, int]
    open_alerts: Mapping[str, int]


def window_key(service_name: str, kind: WindowKind, start_ms: int) -> str:
    """The key of a window; `start_ms` since the epoch. The service is empty for all of them."""
    return f"agg:{service_name}:{kind.value}:{start_ms}"


def copier_key(owner: str) -> str:
    """The key under which a copier finds whether Redis has all that it wrote."""
    return f"agg:copier:{owner}"


def window_value(window: WindowMetrics | None) -> bytes:
    """The value of a window's key: JSON, with its figures ready to show."""
    if window is None:
        return EMPTY
    return orjson.dumps(
        {
            "events": window.events,
            "error_rate": window.error_rate,
            "latency_p50_ms": window.percentile_ms(50),
            "latency_p95_ms": window.percentile_ms(95),
            "latency_p99_ms": window.percentile_ms(99),
            "levels": window.levels,
            "status_classes": window.status_classes,
            "latency_sum_ms": window.latency_sum_ms,
            "latency_min_ms": window.latency_min_ms,
            "latency_max_ms": window.latency_max_ms,
            "latency_buckets": {str(bucket): count for bucket, count in window.buckets.items()},
            "latency_unmeasured": window.unmeasured,
            "distinct_users": window.users,
            "distinct_traces": window.traces,
        }
    )


def read_window(
    value: bytes, service_name: str, kind: WindowKind, start_ms: int
) -> WindowMetrics | None:
    """The window of a value; None where it had no events.

    Raises:
        ValueError: the value is none of ours.
    """
    row = orjson.loads(value)
    if row == {}:
        return None
    try:
        return WindowMetrics(
            service_name=service_name,
            kind=kind,
            start_ms=start_ms,
            end_ms=start_ms + kind.length_ms,
            events=row["events"],
            levels=row["levels"],
            status_classes=row["status_classes"],
            latency_sum_ms=row["latency_sum_ms"],
            latency_min_ms=row["latency_min_ms"],
            latency_max_ms=row["latency_max_ms"],
            buckets={int(bucket): count for bucket, count in row["latency_buckets"].items()},
            unmeasured=row["latency_unmeasured"],
            users=row["distinct_users"],
            traces=row["distinct_traces"],
        )
    except (KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"a window in Redis lacks {error}") from None


def state_value(state: HotState) -> bytes:
    """The value of `STATE_KEY`."""
    return orjson.dumps(
        {
            "copied_ms": state.copied_ms,
            "stream_ms": state.stream_ms,
            "services": dict(state.services),
            "open_alerts": dict(state.open_alerts),
        }
    )


def read_state(value: bytes) -> HotState:
    """The state of a value.

    Raises:
        ValueError: the value is none of ours.
    """
    row = orjson.loads(value)
    try:
        return HotState(
            copied_ms=int(row["copied_ms"]),
            stream_ms=None if row["stream_ms"] is None else int(row["stream_ms"]),
            services={str(name): int(at_ms) for name, at_ms in row["services"].items()},
            open_alerts={str(name): int(count) for name, count in row["open_alerts"].items()},
        )
    except (KeyError, AttributeError, TypeError) as error:
        raise ValueError(f"{STATE_KEY} in Redis lacks {error}") from None
