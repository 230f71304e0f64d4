"""Answers on logs and services."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from firstcause.storage.log_history import LogRow


class LogLine(BaseModel):
    """A stored log event; absent fields are left out."""

    model_config = ConfigDict(from_attributes=True)

    log_id: UUID
    timestamp: datetime
    service_name: str
    level: str
    message: str
    instance: str | None = None
    logger: str | None = None
    region: str | None = None
    cloud_provider: str | None = None
    request_id: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    error_code: str | None = None
    exception: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    status_code: int | None = None
    latency_ms: float | None = None
    attributes: dict[str, str] | None = None
    anomaly: str | None = None


class LogLines(BaseModel):
    """A page of logs, newest first; those of a trace oldest first."""

    logs: list[LogLine]
    next_cursor: str | None = Field(default=None, description="Gives the next page; absent: end")


class LogContext(BaseModel):
    """A line, and the lines of its service before and after it, each oldest first."""

    before: list[LogLine]
    line: LogLine
    after: list[LogLine]


class Service(BaseModel):
    """A service that logged at any time."""

    service_name: str
    last_heard: datetime = Field(description="Event time")


class Services(BaseModel):
    """All services, by name."""

    services: list[Service]


def log_line(row: LogRow) -> LogLine:
    """A stored row as an answer."""
    return LogLine(**{"level": "INFO", "message": "", **row})
