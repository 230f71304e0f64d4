"""Chooses the window of event time and the traces that are compared with normal. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from firstcause.events.log_event import LogEvent
from root_cause.ranking.ranker import LEAST_WINDOW_MS

# A fault may show for some time before its first error; what it does later is more of the same.
BEFORE_MS: Final = 120_000
AFTER_MS: Final = 180_000
# An error may be a time-out: what led to it began a little before.
LEAD_MS: Final = 5_000
# Services are stored by partition, some seconds apart: what began so late may lack a part.
SETTLED_MS: Final = 10_000
# A trace that begins or ends so far outside of the window has a clock or an id that is wrong.
STRAY_MS: Final = 600_000


@dataclass(frozen=True, slots=True)
class RankingWindow:
    """Event time from `start_ms` to just before `end_ms`, around the first error."""

    start_ms: int
    end_ms: int


def window_around(first_ms: int) -> RankingWindow:
    """The time that is read for an incident whose first error came at `first_ms`."""
    return RankingWindow(first_ms - BEFORE_MS, first_ms + AFTER_MS)


def start_of_fault(first_ms: int, events: Iterable[LogEvent], now_ms: int) -> int | None:
    """Since when something is wrong, while the fault is too young to look for its start; or None.

    Of an older one the ranking finds the start itself: it may lie long before the first error.
    """
    newest_ms = _newest_ms(events, now_ms) or first_ms
    return first_ms - LEAD_MS if newest_ms - first_ms < LEAST_WINDOW_MS else None


def is_near(at_ms: int, window: RankingWindow) -> bool:
    """True for moments in the window or near it."""
    return window.start_ms - STRAY_MS <= at_ms < window.end_ms + STRAY_MS


def trace_beginnings(events: Iterable[LogEvent]) -> dict[str, int]:
    """By trace id, when its first event came (event time, ms)."""
    found: dict[str, int] = {}
    for event in events:
        if event.trace_id is not None:
            at_ms = event.timestamp_ms
            found[event.trace_id] = min(at_ms, found.get(event.trace_id, at_ms))
    return found


def settled(events: Sequence[LogEvent], window: RankingWindow, now_ms: int) -> tuple[LogEvent, ...]:
    """The events that can be compared: those of traces that seem complete.

    Left out are traces that began within `SETTLED_MS` of the newest event, those with an event
    far outside of the window, and events without a trace that are that new.
    """
    first = trace_beginnings(events)
    stray = {one.trace_id for one in events if not is_near(one.timestamp_ms, window)} - {None}
    until_ms = _newest_ms(events, now_ms) - SETTLED_MS
    return tuple(
        event
        for event in events
        if event.trace_id not in stray
        and first.get(event.trace_id or "", event.timestamp_ms) <= until_ms
    )


def sample_of_traces(events: Iterable[LogEvent], count: int) -> tuple[str, ...]:
    """At most `count` of the traces of these events, chosen regardless of their content.

    By a hash, so that a retry and another instance choose the same.
    """
    found = {event.trace_id for event in events if event.trace_id is not None}
    return tuple(sorted(found, key=_hash)[:count])


def in_order_of_interest(
    known: Iterable[str], incident: Iterable[str], calls: Iterable[tuple[str, str]], count: int
) -> tuple[str, ...]:
    """The services to read: the incident's, those near them in calls, the rest.

    Args:
        known: all services that logged in the time in question.
        incident: those that the incident names.
        calls: pairs of caller and callee.
        count: how many at the most.
    """
    pairs = tuple(calls)
    order = dict.fromkeys(sorted(set(incident)))
    while True:
        near = {other for pair in pairs for one, other in (pair, pair[::-1]) if one in order}
        new = sorted(near - order.keys())
        if not new:
            break
        order |= dict.fromkeys(new)
    every = set(known) | order.keys()
    return (*order, *sorted(every - order.keys()))[:count]


def _newest_ms(events: Iterable[LogEvent], now_ms: int) -> int:
    """The newest moment of which something is stored; a clock that is ahead makes none; 0."""
    return min(now_ms, max((event.timestamp_ms for event in events), default=0))


def _hash(trace_id: str) -> bytes:
    return hashlib.sha256(trace_id.encode("utf-8", "surrogatepass")).digest()
