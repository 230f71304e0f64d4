"""Groups events and spans by trace; a trace belongs to the time in which it starts. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from firstcause.events.log_event import LogEvent
from firstcause.events.span import Span
from root_cause.quiet_hours.due_hours import HOUR_MS
from root_cause.quiet_hours.quiet_stretches import TimeRange

_NS_PER_MS: Final = 1_000_000
# A reader of a time reads so far beyond both of its borders; hardly a trace is longer.
LONGEST_TRACE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class Trace:
    """The events and spans of one trace; an event without a trace is one of its own."""

    events: list[LogEvent] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)

    @property
    def start_ms(self) -> int:
        """When it began (event time), by the first of both."""
        starts = [event.timestamp_ms for event in self.events]
        return min(starts + [span.start_ns // _NS_PER_MS for span in self.spans])


def traces_of(events: Iterable[LogEvent], spans: Iterable[Span]) -> list[Trace]:
    """The traces that some events and spans are of, in no certain order."""
    found: dict[tuple[str | None, str], Trace] = {}
    for event in events:
        mark = (event.trace_id, "" if event.trace_id else event.log_id)
        known = found.get(mark)
        if known is None:
            known = found[mark] = Trace()
        known.events.append(event)
    for span in spans:
        found.setdefault((span.trace_id, ""), Trace()).spans.append(span)
    return list(found.values())


def by_hour(
    events: Sequence[LogEvent], spans: Iterable[Span]
) -> dict[TimeRange, tuple[list[LogEvent], list[Span]]]:
    """Events and spans by the hour (UTC) in which their trace starts, in the order of time.

    Only hours in which a trace starts are there, each cut to the time between the first and the
    last event: recordings may be months apart. There must be an event.
    """
    first_ms = min(event.timestamp_ms for event in events)
    last_ms = max(event.timestamp_ms for event in events)
    found: dict[int, tuple[list[LogEvent], list[Span]]] = defaultdict(lambda: ([], []))
    for trace in traces_of(events, spans):
        hour = min(max(trace.start_ms, first_ms), last_ms) // HOUR_MS
        own_events, own_spans = found[hour]
        own_events += trace.events
        own_spans += trace.spans
    return {
        TimeRange(max(hour * HOUR_MS, first_ms), min((hour + 1) * HOUR_MS, last_ms + 1)): own
        for hour, own in sorted(found.items())
    }


def starting_in(
    stretches: Sequence[TimeRange], events: Iterable[LogEvent], spans: Iterable[Span]
) -> tuple[list[LogEvent], list[Span]]:
    """What belongs to traces that start in one of these times, all of each.

    Events and spans from up to `LONGEST_TRACE_MS` before and after are needed too: to know that a
    trace started before, and to have the end of one that goes on behind.
    """
    kept = [
        trace
        for trace in traces_of(events, spans)
        if any(trace.start_ms in stretch for stretch in stretches)
    ]
    return (
        [event for trace in kept for event in trace.events],
        [span for trace in kept for span in trace.spans],
    )
