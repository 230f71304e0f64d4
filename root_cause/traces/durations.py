"""Splits the time of a trace's spans: inside a service, or between two services. Pure.

Only durations are compared across services, never moments: clocks of two hosts may disagree.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from firstcause.events.log_event import LogEvent
from firstcause.events.span import Span
from root_cause.traces.event_key import END, SEPARATOR, event_key

_US_PER_MS: Final = 1_000
_NS_PER_US: Final = 1_000
_NS_PER_MS: Final = 1_000_000


class Stretch(StrEnum):
    """What kind of time it is."""

    GAP = "gap"
    """Between two consecutive events of a trace: `one` and `other` are their keys."""
    NET = "net"
    """Of a call, without the callee's own span: `one` calls `other`."""
    SELF = "self"
    """Of a span, without its children: of the service `one`."""


class TimeKey(NamedTuple):
    """What times are comparable with one another."""

    stretch: Stretch
    one: str
    other: str
    operation: str


class Duration(NamedTuple):
    """A time in milliseconds, and the trace that took it."""

    key: TimeKey
    ms: float
    trace_id: str


def spans_of_logs(events: Iterable[LogEvent]) -> Iterator[Span]:
    """Spans from logs: the events with `latency_ms`, the longest of each span.

    Without span ids a duration stands for itself, with no callers and no callees.
    """
    longest: dict[tuple[str, str], LogEvent] = {}
    for number, event in enumerate(events):
        if event.latency_ms is None or event.latency_ms < 0:
            continue
        span = (event.trace_id or END, event.span_id or f"#{number}")
        known = longest.get(span)
        if known is None or (known.latency_ms or 0.0) < event.latency_ms:
            longest[span] = event
    for (trace_id, span_id), event in longest.items():
        latency_ms = event.latency_ms or 0.0
        yield Span(
            trace_id=trace_id,
            span_id=span_id,
            parent_span_id=event.parent_span_id,
            service_name=event.service_name,
            operation=event_key(event),
            start_ns=int((event.timestamp_ms - latency_ms) * _NS_PER_MS),
            duration_us=int(latency_ms * _US_PER_MS),
        )


def durations_of(spans: Sequence[Span]) -> Iterator[Duration]:
    """The stretches of one trace.

    A span with one child of another service is a call: its time without the child's is what
    the way between the two takes (NET). Any other span's time without its children's is the
    service's own (SELF). Of a span one of whose children was lost, nothing can be told.
    """
    children = _children(spans)
    incomplete = _incomplete(spans)
    for span in spans:
        if span.span_id in incomplete:
            continue
        own: list[Span] = []
        foreign: list[Span] = []
        for child in children.get(span.span_id, ()):
            (own if child.service_name == span.service_name else foreign).append(child)
        if len(foreign) == 1 and not own:
            key = TimeKey(
                Stretch.NET, span.service_name, foreign[0].service_name, foreign[0].operation
            )
            left_us = span.duration_us - foreign[0].duration_us
        else:
            # A span with one call more, as after a failed one, has other work to do and pauses.
            operation = span.operation
            if len(own) + len(foreign) > 1:
                operation += f"{SEPARATOR}with {len(own) + len(foreign)} calls"
            key = TimeKey(Stretch.SELF, span.service_name, END, operation)
            left_us = span.duration_us - _covered_us(span, own)
            left_us -= sum(child.duration_us for child in foreign)
        yield Duration(key, max(0, left_us) / _US_PER_MS, span.trace_id)


def _incomplete(spans: Sequence[Span]) -> frozenset[str]:
    """The spans that have lost a child: whose own child, an orphan now, lies within them.

    The innermost one, by the clocks as they are.
    """
    known = {span.span_id for span in spans}
    found = set()
    for orphan in spans:
        if orphan.parent_span_id is None or orphan.parent_span_id in known:
            continue
        around = [
            span
            for span in spans
            if span is not orphan
            and span.duration_us > orphan.duration_us
            and span.start_ns <= orphan.start_ns
            and _end_ns(span) >= _end_ns(orphan)
        ]
        if around:
            found.add(min(around, key=lambda span: span.duration_us).span_id)
    return frozenset(found)


def _children(spans: Sequence[Span]) -> dict[str | None, list[Span]]:
    """Children by parent; a sibling within a childless sibling of its service is its child.

    Some instrumentations make siblings of what one handler does inside of another.
    """
    children: dict[str | None, list[Span]] = defaultdict(list)
    for span in spans:
        children[span.parent_span_id].append(span)
    for siblings in [group for group in children.values() if len(group) > 1]:
        for outer in sorted(siblings, key=lambda span: -span.duration_us):
            if outer.span_id in children:
                continue
            inner = [
                span
                for span in siblings
                if span is not outer
                and span.service_name == outer.service_name
                and span.span_id in children
                and span.start_ns >= outer.start_ns
                and _end_ns(span) <= _end_ns(outer)
            ]
            if inner:
                children[outer.span_id] = inner
                siblings[:] = [span for span in siblings if span not in inner]
    return children


def _covered_us(span: Span, children: Iterable[Span]) -> int:
    """How much of a span its children of the same clock cover, side by side counted once."""
    covered_ns, reached_ns = 0, span.start_ns
    for child in sorted(children, key=lambda one: one.start_ns):
        begin_ns = max(child.start_ns, reached_ns)
        end_ns = min(_end_ns(child), _end_ns(span))
        if end_ns > begin_ns:
            covered_ns += end_ns - begin_ns
            reached_ns = end_ns
    return covered_ns // _NS_PER_US


def _end_ns(span: Span) -> int:
    return span.start_ns + span.duration_us * _NS_PER_US
