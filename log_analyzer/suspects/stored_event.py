"""Converts a row of the table `logs` into a log event. Pure."""

from __future__ import annotations

from typing import Any

from firstcause.events.log_event import LogEvent
from firstcause.storage.stored_time import optional_ms


def stored_event(row: Any) -> LogEvent:
    """The event of a row; columns that were not selected count as unset."""

    def optional(name: str) -> Any:
        return getattr(row, name, None)

    return LogEvent(
        log_id=str(row.log_id),
        timestamp_ms=optional_ms(row.timestamp) or 0,
        service_name=row.service_name,
        level=row.level or "INFO",
        message=row.message or "",
        trace_id=row.trace_id,
        logger=optional("logger"),
        error_code=optional("error_code"),
        exception=optional("exception"),
        span_id=optional("span_id"),
        parent_span_id=optional("parent_span_id"),
        status_code=optional("status_code"),
        latency_ms=optional("latency_ms"),
        attributes=dict(optional("attributes") or {}),
    )
