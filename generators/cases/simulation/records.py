"""Collects log events and spans of a simulation, and serialises them as JSON lines."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from generators.cases.draw import Draw

# A process that is killed takes with it the spans that it had not yet sent: OpenTelemetry's
# batch span processor sends them every 5 s (OTEL_BSP_SCHEDULE_DELAY).
UNSENT_SPANS_US: Final = 5_000_000


@dataclass(frozen=True, slots=True)
class RecordedSpan:
    """A finished span and the instance that sent it; times are us since the epoch."""

    trace_id: str
    span_id: str
    parent_span_id: str | None
    service: str
    instance: str
    operation: str
    start_us: int
    end_us: int

    @property
    def line(self) -> dict[str, Any]:
        """The fields of a span in the files."""
        return {
            "trace_id": self.trace_id,
            "span_id": self.span_id,
            "parent_span_id": self.parent_span_id,
            "service_name": self.service,
            "operation": self.operation,
            "start_ns": self.start_us * 1000,
            "duration_us": self.end_us - self.start_us,
        }


@dataclass(frozen=True, slots=True)
class RecordedCall:
    """A call that was tried, whether it came through or not; nobody sees it but the label.

    Attributes:
        span_id: of the call, the parent of the visit that serves it.
        visit, parent_span_id: the span of the caller's visit, and the call that it serves.
    """

    at_us: int
    span_id: str
    caller: str
    callee: str
    visit: str
    parent_span_id: str | None


@dataclass(slots=True)
class Records:
    """What a system left behind: events as (us since the epoch, fields), and spans.

    `calls` is what really happened, for the label alone.
    """

    events: list[tuple[int, dict[str, Any]]] = field(default_factory=list)
    spans: list[RecordedSpan] = field(default_factory=list)
    calls: list[RecordedCall] = field(default_factory=list)

    def between(self, begin_us: int, end_us: int) -> Records:
        """What was recorded in this time, oldest first."""
        events = [event for event in self.events if begin_us <= event[0] < end_us]
        events.sort(key=lambda event: event[0])
        spans = [span for span in self.spans if begin_us <= span.start_us and span.end_us < end_us]
        spans.sort(key=lambda span: span.start_us)
        return Records(events, spans, self.calls)

    def lose_unsent_spans(self, instance: str, killed_us: int) -> None:
        """Forgets the spans that an instance had not sent when it was killed."""
        self.spans = [
            span
            for span in self.spans
            if span.instance != instance
            or not killed_us - UNSENT_SPANS_US <= span.end_us <= killed_us
        ]

    def event_lines(self) -> bytes:
        """The events as JSON lines."""
        return b"".join(orjson.dumps(fields) + b"\n" for _, fields in self.events)

    def span_lines(self) -> bytes:
        """The spans as JSON lines."""
        return b"".join(orjson.dumps(span.line) + b"\n" for span in self.spans)


def hex_id(draw: Draw, digits: int) -> str:
    """A random id of lower-case hex digits."""
    return f"{draw.getrandbits(4 * digits):0{digits}x}"


def log_id(draw: Draw) -> str:
    """A random UUID (RFC 9562, version 4)."""
    text = hex_id(draw, 32)
    variant = "89ab"[draw.getrandbits(2)]
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-{variant}{text[17:20]}-{text[20:]}"


def timestamp(at_us: int) -> str:
    """RFC 3339 in UTC, rounded down to the ms."""
    moment = datetime.fromtimestamp(at_us // 1_000_000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{at_us // 1000 % 1000:03}Z"
