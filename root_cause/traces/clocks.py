"""Estimates clock offsets between hosts from spans: a callee works while its caller waits. Pure."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from firstcause.events.log_event import LogEvent
from firstcause.events.span import Span

_NS_PER_US: Final = 1_000
_NS_PER_MS: Final = 1_000_000
_LEAST_CALLS: Final = 3

Offsets = Mapping[str, int]


class Way(NamedTuple):
    """What the calls between two services show about their clocks; the best sorts first.

    Attributes:
        order: the less, the more it is worth.
        lead_ms: by how much the callee's clock is ahead; `distance_ms` is that without its sign.
    """

    order: float
    distance_ms: int
    caller: str
    callee: str
    lead_ms: int


def clock_offsets(spans: Iterable[Span]) -> dict[str, int]:
    """By how many ms each service's clock is ahead of the others'; empty if they agree.

    As in NTP: where a callee's span is not within its caller's, its clock is off by what centres
    it there, by the median of the calls between the two. Offsets along a call graph add up; of
    several ways between two services the one with the most calls counts.

    Args:
        spans: of any traces.
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
        Way(-len(found), abs(lead_ms), caller, callee, lead_ms)
        for (caller, callee), found in leads.items()
        if len(found) >= _LEAST_CALLS
        for lead_ms in (_lead_ms(found),)
    ]
    # Names come last in the order, and only where nothing else differs.
    return joined(sorted(ways)) if any(way.lead_ms for way in ways) else {}


def _lead_ms(found: Sequence[tuple[int, int]]) -> int:
    lead_ns = statistics.median(lead for lead, _ in found)
    # Call by call: medians of the two apart from one another would cross by chance.
    outside_ns = statistics.median(abs(lead) - slack for lead, slack in found)
    return round(lead_ns / _NS_PER_MS) if outside_ns > 0 else 0


def joined(ways: Iterable[Way]) -> dict[str, int]:
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


def evenly(traces: Iterable[Sequence[LogEvent]], count: int) -> list[Sequence[LogEvent]]:
    """About so many of the traces, evenly over time, whatever their order of arrival."""
    in_time = sorted(traces, key=_when)
    return in_time[:: max(1, len(in_time) // count)]


def _when(events: Sequence[LogEvent]) -> tuple[int, int, int]:
    moments = [event.timestamp_ms for event in events]
    return min(moments), len(moments), sum(moments)
