"""Small traces for tests of the ranker, written as one would draw them."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from firstcause.events.log_event import LogEvent
from firstcause.events.span import Span

START_MS = 1_790_000_000_000


@dataclass(frozen=True)
class Line:
    """One log line: after so many ms, a service says something in a span."""

    after_ms: int
    service_name: str
    message: str
    level: str = "INFO"
    span: str = ""


def trace(number: int, lines: Sequence[Line], at_ms: int) -> list[LogEvent]:
    """The events of one trace; a span a service unless a line names another."""
    events = []
    ms = at_ms
    for index, line in enumerate(lines):
        ms += line.after_ms
        events.append(
            LogEvent(
                log_id=str(UUID(int=number * 1000 + index + 1)),
                timestamp_ms=ms,
                service_name=line.service_name,
                level=line.level,
                message=line.message,
                trace_id=f"{number:032x}",
                span_id=line.span or line.service_name.encode().hex()[:16],
            )
        )
    return events


def traffic(
    lines_of: Callable[[int, random.Random], Sequence[Line]],
    count: int,
    *,
    first: int = 1,
    at_ms: int = START_MS,
    every_ms: int = 1_000,
) -> list[LogEvent]:
    """So many traces, one after another."""
    dice = random.Random(first)
    events: list[LogEvent] = []
    for number in range(count):
        events += trace(first + number, lines_of(number, dice), at_ms + number * every_ms)
    return events


def renamed_services(events: Sequence[LogEvent], names: dict[str, str]) -> list[LogEvent]:
    """The same events of services with other names, in what they say as well."""
    return [
        replace(
            event,
            service_name=names[event.service_name],
            message=_renamed(event.message, names),
        )
        for event in events
    ]


def _renamed(text: str, names: dict[str, str]) -> str:
    return " ".join(names.get(word, word) for word in text.split(" "))


def spans_of_call(
    number: int, at_ms: int, *, caller: str, callee: str, way_ms: float, work_ms: float
) -> list[Span]:
    """A request to `caller` that calls `callee`, which works; the call takes its way besides."""
    trace_id = f"{number:032x}"

    def span(name: str, parent: str | None, service: str, what: str, ms: float) -> Span:
        return Span(trace_id, name, parent, service, what, at_ms * 1_000_000, int(ms * 1000))

    return [
        span("a", None, caller, "GET /", way_ms + work_ms + 5),
        span("b", "a", caller, "HTTP GET", way_ms + work_ms),
        span("c", "b", callee, "GET /work", work_ms),
    ]
