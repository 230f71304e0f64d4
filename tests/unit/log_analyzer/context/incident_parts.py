"""What the tests of context and report share: logs, traces, an incident."""

from __future__ import annotations

import dataclasses
import itertools
import uuid
from collections.abc import Iterable
from datetime import UTC, datetime

from firstcause.events.log_event import LogEvent
from firstcause.incidents.view import Evidence, IncidentView

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
START_MS = int(START.timestamp() * 1000)
_numbers = itertools.count()


def a_log(
    service: str,
    at: int,
    level: str = "INFO",
    message: str = "ok",
    *,
    span: str | None = None,
    parent: str | None = None,
    trace: str | None = None,
    log_id: str | None = None,
    **fields: object,
) -> LogEvent:
    """A log `at` ms after the start."""
    return LogEvent(
        log_id=log_id or str(uuid.uuid5(uuid.NAMESPACE_OID, str(next(_numbers)))),
        timestamp_ms=START_MS + at,
        service_name=service,
        level=level,
        message=message,
        span_id=span,
        parent_span_id=parent,
        trace_id=trace,
        **fields,
    )


def in_traces(logs: Iterable[LogEvent]) -> list[list[LogEvent]]:
    found: dict[str, list[LogEvent]] = {}
    for log in logs:
        if log.trace_id:
            found.setdefault(log.trace_id, []).append(log)
    return list(found.values())


def an_error(service: str, at: int, trace: str | None = None, **fields: object) -> Evidence:
    return Evidence(
        log_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"{service}/{at}/{trace}")),
        timestamp_ms=START_MS + at,
        service_name=service,
        level="ERROR",
        message=f"{service} failed",
        error_code=None,
        trace_id=trace,
        span_id=None,
        parent_span_id=None,
        **fields,
    )


def an_incident(**changes: object) -> IncidentView:
    view = IncidentView(
        incident_id=uuid.UUID(int=7),
        fingerprint=uuid.UUID(int=70),
        status="open",
        service_name="order",
        template="Order <*> failed",
        title="order: Order <*> failed",
        severity="high",
        suspects=("payment", "order"),
        services=("order", "payment"),
        error_count=120,
        first_ms=START_MS,
        last_ms=START_MS + 30_000,
        evidence=(an_error("order", 0, "aa"), an_error("payment", 5, "aa")),
        analyses=(),
        message=None,
    )
    return dataclasses.replace(view, **changes)
