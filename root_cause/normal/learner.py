"""Learns normal from the events and spans of a quiet time. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeVar

from firstcause.events.log_event import LogEvent
from firstcause.events.span import Span
from root_cause.normal.learned_counts import Normal, owner_of
from root_cause.normal.neighbours import Neighbours
from root_cause.normal.rough_clock_order import likeliest_order
from root_cause.traces.call_tree import Row, count_follows, in_order, rows_by_time
from root_cause.traces.clocks import clock_offsets, on_one_clock
from root_cause.traces.durations import Stretch, TimeKey, durations_of, spans_of_logs
from root_cause.traces.event_key import END, SEPARATOR, event_key, service_of
from root_cause.traces.histogram import add_times, bin_of
from root_cause.traces.log_clocks import log_clock_offsets
from root_cause.traces.span_order import FollowIndex
from root_cause.traces.steps import Context, steps_of

_Traced = TypeVar("_Traced", LogEvent, Span)

DEBUG_LEVELS: Final = frozenset({"DEBUG", "TRACE"})
UNTRACED: Final = "untraced"
# Rounds in which the likeliest order is found where clocks leave it open.
_REORDERED: Final = 2


def learn(events: Iterable[LogEvent], spans: Iterable[Span]) -> Normal:
    """The normal of some traces, all of each; merges with that of others.

    Traces must be whole within one call: a trace cut in two seems to end early. The order of
    events and spans makes no difference. Events without a trace are counted one by one.
    """
    spans, events = list(spans), without_debug(events)
    traces, untraced = by_trace(events)
    offsets = clock_offsets(spans) if spans else log_clock_offsets(traces.values())
    if offsets:
        traces, untraced = by_trace(on_one_clock(events, offsets))
    follows: Counter[tuple[str, str]] = Counter()
    by_time = [rows_by_time(found) for found in traces.values()]
    for found in by_time:
        count_follows(found, follows)
    index = FollowIndex(follows)
    rows = [in_order(found, index) for found in by_time]
    normal = _of_traces(rows, follows)
    for _ in range(_REORDERED if offsets and not spans else 0):
        usual = Neighbours(normal)
        normal = _of_traces([likeliest_order(found, usual) for found in rows], follows)
    for event in untraced:
        key = event_key(event)
        context = untraced_context(event.service_name)
        part = normal.of(event.service_name)
        part.events[key] += 1
        counts = part.successors.setdefault(context, {})
        counts[key] = counts.get(key, 0) + 1
        part.context_traces[context] += 1
        _learn_times(list(spans_of_logs((event,))), normal)
    for trace_spans in spans_by_trace(spans).values():
        _learn_times(trace_spans, normal)
    return normal


def _of_traces(traces: Sequence[list[Row]], follows: Mapping[tuple[str, str], int]) -> Normal:
    normal = Normal(traces=len(traces))
    for (before, key), count in follows.items():
        normal.of(service_of(key)).follows[before, key] += count
    for rows in traces:
        _learn_trace(rows, normal)
    return normal


def _learn_trace(rows: list[Row], normal: Normal) -> None:
    contexts: set[Context] = set()
    errors: set[str] = set()
    for step in steps_of(rows, with_roles=False):
        part = normal.of(step.event.service_name)
        here, after = step.here, step.after
        part.events[here] += 1
        if step.before == END:
            part.entries[here] += 1
        if step.event.is_error:
            errors.add(here)
        for context in step.contexts:
            counts = part.successors.get(context)
            if counts is None:
                counts = part.successors[context] = {}
            counts[after] = counts.get(after, 0) + 1
            contexts.add(context)
        if after == END:
            part.ends[here] += 1
        else:
            key = TimeKey(Stretch.GAP, here, after, END)
            histogram = part.times.get(key)
            if histogram is None:
                histogram = part.times[key] = {}
            index = bin_of(step.gap_ms)
            histogram[index] = histogram.get(index, 0) + 1
    for context in contexts:
        normal.of(service_of(context[2])).context_traces[context] += 1
    for error in errors:
        normal.of(service_of(error)).error_traces[error] += 1


def _learn_times(spans: Sequence[Span], normal: Normal) -> None:
    for duration in durations_of(spans):
        times = normal.of(owner_of(duration.key)).times
        add_times(times.setdefault(duration.key, {}), (duration.ms,))


def untraced_context(service_name: str) -> Context:
    """The one context of a service's events without a trace."""
    return (END, UNTRACED, service_name + SEPARATOR)


def without_debug(events: Iterable[LogEvent]) -> list[LogEvent]:
    """The events above DEBUG: whoever switches DEBUG on or off changes nothing that is told."""
    return [event for event in events if event.level not in DEBUG_LEVELS]


def by_trace(events: Iterable[LogEvent]) -> tuple[dict[str, list[LogEvent]], list[LogEvent]]:
    """Events by trace, and those without one; each log id once."""
    seen: set[str] = set()
    traces: dict[str, list[LogEvent]] = defaultdict(list)
    untraced: list[LogEvent] = []
    for event in events:
        if event.log_id not in seen:
            seen.add(event.log_id)
            (untraced if event.trace_id is None else traces[event.trace_id]).append(event)
    return traces, untraced


def spans_by_trace(spans: Iterable[Span]) -> dict[str, list[Span]]:
    """Spans by trace; each span id once."""
    found: dict[str, dict[tuple[str, str], Span]] = defaultdict(dict)
    for span in spans:
        known = found[span.trace_id]
        mark = (span.span_id, span.service_name)
        if mark not in known or known[mark].duration_us < span.duration_us:
            known[mark] = span
    return {trace_id: list(spans.values()) for trace_id, spans in found.items()}
