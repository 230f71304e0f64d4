"""Answers on window metrics."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, Field

from alerting.windows import WindowKind, WindowMetrics
from firstcause.storage.stored_time import datetime_from_ms


class Measures(BaseModel):
    """What was measured of the events of a time; absent what none was measured of."""

    events: int
    errors: int = Field(description="Of level ERROR or FATAL")
    error_rate: float | None = Field(default=None, description="Share of the events, 0 to 1")
    levels: dict[str, int]
    status_classes: dict[str, int] = Field(description="Events by 1xx ... 5xx")
    latency_mean_ms: float | None = None
    latency_max_ms: float | None = None
    latency_p50_ms: float | None = Field(default=None, description="Within 1 %, as the others")
    latency_p95_ms: float | None = None
    latency_p99_ms: float | None = None


class ServiceMeasures(Measures):
    """A service's measures over the whole time."""

    service_name: str
    events_per_minute: float


class Kpi(BaseModel):
    """Key figures of a time: of all services together, and of each that logged."""

    start: datetime
    end: datetime
    window: WindowKind = Field(description="The windows that were added up")
    total: Measures | None = Field(default=None, description="Absent: nothing was measured")
    services: list[ServiceMeasures] = Field(description="Those with most errors first")
    open_alerts: dict[str, int] = Field(
        description="Live alerts that last now, by service; of those that began within a day"
    )
    source: Literal["redis", "cassandra"] = Field(description="redis: the hot state")
    age_seconds: float | None = Field(
        default=None,
        description="Since the stream had written windows last; absent: it never has",
    )


class WindowAnswer(Measures):
    """A window's measures; events that are late beyond the watermark are not in it yet."""

    start: datetime


class ServiceSeries(BaseModel):
    """The windows of a service, oldest first; those without events are left out."""

    service_name: str
    windows: list[WindowAnswer]


class Series(BaseModel):
    """Windows over time."""

    start: datetime
    end: datetime
    window: WindowKind
    series: list[ServiceSeries]


def measures(one: WindowMetrics) -> Measures:
    """The measures of a window."""
    return Measures(**_measured(one))


def service_measures(one: WindowMetrics) -> ServiceMeasures:
    """The measures of a service over a time."""
    minutes = max(1, one.end_ms - one.start_ms) / 60_000
    return ServiceMeasures(
        **_measured(one),
        service_name=one.service_name,
        events_per_minute=round(one.events / minutes, 3),
    )


def service_series(service_name: str, windows: list[WindowMetrics]) -> ServiceSeries:
    """The windows of a service as an answer."""
    found = [
        WindowAnswer(**_measured(one), start=datetime_from_ms(one.start_ms)) for one in windows
    ]
    return ServiceSeries(service_name=service_name, windows=found)


def _measured(one: WindowMetrics) -> dict[str, Any]:
    return {
        "events": one.events,
        "errors": one.errors,
        "error_rate": one.error_rate,
        "levels": dict(one.levels),
        "status_classes": dict(one.status_classes),
        "latency_mean_ms": one.latency_mean_ms,
        "latency_max_ms": one.latency_max_ms,
        "latency_p50_ms": one.percentile_ms(50),
        "latency_p95_ms": one.percentile_ms(95),
        "latency_p99_ms": one.percentile_ms(99),
    }
