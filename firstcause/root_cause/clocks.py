"""How far hosts' clocks disagree, told from calls: a callee works while its caller waits. Pure."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from firstcause.log_event import LogEvent
from firstcause.root_cause.span import Span

_NS_PER_US: Final = 1_000
_NS_PER_MS: Final = 1_000_000
_LEAST_CALLS: Final = 3
# Both ends of a span that logs tell are cut to whole milliseconds.
LOGS_TELL_WITHIN_MS: Final = 2

Offsets = Mapping[str, int]


def clock_offsets(spans: Iterable[Span], within_ms: int = 0) -> dict[str, int]:
    """By how many ms each service's clock is ahead of the others'; empty if they agree.

    As in NTP: where a callee's span is not within its caller's, its clock is off by what centres
    it there, by the median of the calls between the two. Offsets along a call graph add up; of
    several ways between two services the one with the most calls counts.

    Args:
        spans: of any traces.
        within_ms: what their ends may be off by in all, without a clock being so.
    """
    by_id: dict[tuple[str, str], Span] = {}
    for span in spans:
        by_id[span.trace_id, span.span_id] = span
    leads: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    for span in by_id.values():
        parent = by_id.get((span.trace_id, span.parent_span_id or ""))
        if parent is None or parent.service_name == span.service_name:
            continue
        slack_ns = (parent.duration_us - span.duration_us) * _NS_PER_US // 2
        if slack_ns >= 0:
            lead_ns = span.start_ns - parent.start_ns - slack_ns
            leads[parent.service_name, span.service_name].append((lead_ns, slack_ns))
    ways = [
        (-len(found), abs(lead_ms), caller, callee, lead_ms)
        for (caller, callee), found in leads.items()
        if len(found) >= _LEAST_CALLS
        for lead_ms in (_lead_ms(found, within_ms * _NS_PER_MS),)
    ]
    # Names come last in the order, and only where nothing else differs.
    return _joined(sorted(ways)) if any(lead_ms for *_, lead_ms in ways) else {}


def _lead_ms(found: Sequence[tuple[int, int]], within_ns: int) -> int:
    lead_ns = statistics.median(lead for lead, _ in found)
    # Call by call: medians of the two apart from one another would cross by chance.
    outside_ns = statistics.median(abs(lead) - slack for lead, slack in found)
    return round(lead_ns / _NS_PER_MS) if outside_ns > within_ns else 0


def _joined(ways: Iterable[tuple[int, int, str, str, int]]) -> dict[str, int]:
    """Offsets of all services of a spanning tree (Kruskal's), from the ways in their order."""
    group_of: dict[str, dict[str, int]] = {}
    for _, _, caller, callee, lead_ms in ways:
        known = group_of.setdefault(caller, {caller: 0})
        other = group_of.setdefault(callee, {callee: 0})
        if known is other:
            continue
        shift_ms = known[caller] + lead_ms - other[callee]
        for name, offset_ms in other.items():
            known[name] = offset_ms + shift_ms
            group_of[name] = known
    return {name: group[name] for name, group in group_of.items()}


def on_one_clock(events: Iterable[LogEvent], offsets: Offsets) -> list[LogEvent]:
    """The events at the times that one clock would have told."""
    return [
        replace(event, timestamp_ms=event.timestamp_ms - offset_ms)
        if (offset_ms := offsets.get(event.service_name))
        else event
        for event in events
    ]


def spans_by_ids(events: Iterable[LogEvent]) -> list[Span]:
    """What the ids of logs tell of spans: from each one's first event to its last."""
    found: dict[tuple[str, str, str], list[LogEvent]] = defaultdict(list)
    for event in events:
        if event.trace_id and event.span_id:
            found[event.trace_id, event.span_id, event.service_name].append(event)
    spans = []
    for (trace_id, span_id, service_name), own in found.items():
        parents = [event.parent_span_id for event in own if event.parent_span_id]
        begin_ms = min(event.timestamp_ms - (event.latency_ms or 0.0) for event in own)
        end_ms = max(event.timestamp_ms for event in own)
        spans.append(
            Span(
                trace_id=trace_id,
                span_id=span_id,
                parent_span_id=min(parents, default=None),
                service_name=service_name,
                operation="",
                start_ns=int(begin_ms * _NS_PER_MS),
                duration_us=int((end_ms - begin_ms) * _NS_PER_US),
            )
        )
    return spans
