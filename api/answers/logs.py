"""Answers on logs and services."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from api.reading.search import Histogram, SearchedPage
from firstcause.storage.log_history import LogRow
from firstcause.storage.stored_time import datetime_from_ms


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
    not_stored: int = Field(
        default=0, description="More that match, but are not in Cassandra: not yet, or no longer"
    )
    degraded: str | None = Field(
        default=None, description="Why not all of `q` was looked at; absent: all was"
    )


class LogContext(BaseModel):
    """A line, and the lines of its service before and after it, each oldest first."""

    before: list[LogLine]
    line: LogLine
    after: list[LogLine]


class LogBucket(BaseModel):
    """Logs from `start` on, for `bucket_seconds`; one without a log is left out."""

    start: datetime
    count: int
    levels: dict[str, int] = Field(description="Of these by level")


class LogStats(BaseModel):
    """How many logs match, over time."""

    start: datetime = Field(description="That of the first match where more time was asked for")
    end: datetime
    bucket_seconds: int
    total: int
    buckets: list[LogBucket] = Field(description="Oldest first")


class Service(BaseModel):
    """A service that logged at any time."""

    service_name: str
    last_heard: datetime = Field(description="Event time")


class Services(BaseModel):
    """All services, by name."""

    services: list[Service]
    source: Literal["redis", "cassandra"] = Field(description="redis: the hot state")
    age_seconds: float = Field(description="Of the copy in Redis; 0 of Cassandra")


def log_line(row: LogRow) -> LogLine:
    """A stored row as an answer."""
    return LogLine(**{"level": "INFO", "message": "", **row})


def log_lines(page: SearchedPage, next_cursor: str | None) -> LogLines:
    """A page of rows as an answer."""
    return LogLines(
        logs=[log_line(row) for row in page.rows],
        next_cursor=next_cursor,
        not_stored=page.not_stored,
        degraded=page.degraded,
    )


def log_stats(found: Histogram) -> LogStats:
    """A histogram as an answer."""
    return LogStats(
        start=datetime_from_ms(found.start_ms),
        # The end is beyond the last millisecond, which may be the calendar's.
        end=datetime_from_ms(found.end_ms - 1),
        bucket_seconds=found.width_ms // 1_000,
        total=sum(one.count for one in found.buckets),
        buckets=[
            LogBucket(
                start=datetime_from_ms(max(one.start_ms, found.start_ms)),
                count=one.count,
                levels=dict(one.by_level),
            )
            for one in found.buckets
        ],
    )
