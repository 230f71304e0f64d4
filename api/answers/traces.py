"""Answers on traces."""

from __future__ import annotations

from datetime import UTC, datetime

from pydantic import BaseModel, Field

from api.answers.logs import LogLine, log_line
from api.reading.traces import Trace


class TraceSpan(BaseModel):
    """A finished span; `depth` is how far below the first span of its tree it stands."""

    span_id: str
    parent_span_id: str | None = None
    service_name: str
    operation: str
    start: datetime
    start_ns: int
    duration_us: int
    depth: int


class TraceAnswer(BaseModel):
    """What is stored of a trace."""

    trace_id: str = Field(description="As it is stored")
    spans: list[TraceSpan] = Field(description="Callers before callees, else by start")
    logs: list[LogLine] = Field(description="Oldest first")


def trace_answer(trace: Trace) -> TraceAnswer:
    """A trace as an answer."""
    return TraceAnswer(
        trace_id=trace.trace_id,
        spans=[
            TraceSpan(
                span_id=span.span_id,
                parent_span_id=span.parent_span_id,
                service_name=span.service_name,
                operation=span.operation,
                start=datetime.fromtimestamp(span.start_ns / 1e9, UTC),
                start_ns=span.start_ns,
                duration_us=span.duration_us,
                depth=depth,
            )
            for depth, span in trace.spans
        ],
        logs=[log_line(row) for row in trace.logs],
    )
