"""The data class of a finished span."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Span:
    """One timed operation of one service.

    Attributes:
        parent_span_id: None for the first span of a trace.
        start_ns: event time in nanoseconds since the epoch, by the clock of its host.
        duration_us: how long it took, in microseconds.
    """

    trace_id: str
    span_id: str
    parent_span_id: str | None
    service_name: str
    operation: str
    start_ns: int
    duration_us: int
