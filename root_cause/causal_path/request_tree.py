"""Builds the tree of a request's visits to services, with the complaints of each. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from firstcause.events.log_event import LogEvent
from firstcause.events.span import Span
from root_cause.traces.call_tree import Row, parents_of, rows_by_time

_DEEPEST: Final = 64
_NS_PER_MS: Final = 1_000_000
_US_PER_MS: Final = 1_000

Complains = Callable[[LogEvent], bool]


@dataclass(slots=True)
class Visit:
    """What one service does for one call of a request.

    Attributes:
        parent: the id of the visit or span that called it; None at the top, or if unknown.
        events: its lines, in the order of time.
        span: as a source of spans tells it, if one does.
        complaints: those of its lines that tell that something is wrong.
    """

    id: str
    service_name: str
    parent: str | None
    events: list[LogEvent] = field(default_factory=list)
    span: Span | None = None
    complaints: list[LogEvent] = field(default_factory=list)

    @property
    def end_ms(self) -> int:
        """When its span ended, else its last line (event time)."""
        if self.span is not None:
            return self.span.start_ns // _NS_PER_MS + self.span.duration_us // _US_PER_MS
        return self.events[-1].timestamp_ms if self.events else 0


@dataclass(frozen=True, slots=True)
class RequestTree:
    """One request. `visits` by id; `at_ms` is when its first line or span began."""

    trace_id: str
    at_ms: int
    visits: Mapping[str, Visit]

    def way_up(self, visit: Visit) -> list[Visit]:
        """The visit, who called it, and so on; of visits of one service in a row the first."""
        way, seen = [visit], {visit.id}
        above = visit.parent
        while above is not None and above in self.visits and above not in seen:
            seen.add(above)
            found = self.visits[above]
            if found.service_name != way[-1].service_name:
                way.append(found)
            else:
                way[-1] = _both(way[-1], found)
            above = found.parent
            if len(way) >= _DEEPEST:
                break
        return way


def tree_of(
    trace_id: str, events: Iterable[LogEvent], spans: Sequence[Span], complains: Complains
) -> RequestTree:
    """The tree of one trace, from its spans if there are any, else from the order of its lines."""
    rows = rows_by_time(events)
    by_lines = parents_of(rows)
    visits: dict[str, Visit] = {
        span.span_id: Visit(span.span_id, span.service_name, span.parent_span_id, span=span)
        for span in sorted(spans, key=lambda one: (one.start_ns, one.span_id))
    }
    first = _first_span(rows)
    for row in rows:
        visit = visits.get(row.span)
        if visit is None:
            named = row.event.parent_span_id
            above = named if named in visits else by_lines[row.span]
            if row.span == first:
                above = None
            elif above is None:
                above = first
            visit = visits[row.span] = Visit(row.span, row.event.service_name, above)
        visit.events.append(row.event)
        if complains(row.event):
            visit.complaints.append(row.event)
    starts = [row.ms for row in rows[:1]] + [span.start_ns // _NS_PER_MS for span in spans]
    return RequestTree(trace_id, min(starts, default=0), visits)


def _first_span(rows: Sequence[Row]) -> str | None:
    """The one span that no other called, by the ids of its lines, though others tell a caller.

    A gateway may say its first line after those that it called.
    """
    called = {row.span: row.event.parent_span_id is not None for row in rows if row.event.span_id}
    first = [span for span, is_called in called.items() if not is_called]
    return first[0] if len(first) == 1 and len(called) > 1 else None


def _both(below: Visit, above: Visit) -> Visit:
    """Two visits of one service in a row as one: a call and the work that it is part of."""
    lines = sorted([*below.events, *above.events], key=_when)
    told = sorted([*below.complaints, *above.complaints], key=_when)
    return Visit(above.id, above.service_name, above.parent, lines, above.span, told)


def _when(event: LogEvent) -> tuple[int, str]:
    return event.timestamp_ms, event.log_id
