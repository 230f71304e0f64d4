"""Cuts the ranking's window of an incident to the time that it shares with no other one. Pure.

What another incident shows is no evidence for this one. Requests with its errors are left out
(`other_incidents`). Those that it only slows down, and what it logs beside requests, are told apart
by time alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from firstcause.events.log_event import LogEvent
from log_analyzer.episodes.tally import MINUTE_MS
from log_analyzer.suspects.window import LEAD_MS, RankingWindow, window_around
from root_cause.ranking.early_part import EARLY

# A neighbour that begins so soon leaves too little time that could be compared.
LEAST_OWN_MS: Final = 30_000
# So much before the first error is compared in any case.
LEAST_EARLY_MS: Final = 15_000
# An incident with a smaller share of the errors cuts nothing: some errors come at any time.
LEAST_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another incident: the event times of its first and last error, and how many it has."""

    first_ms: int
    last_ms: int
    errors: int


def part_within(
    window: RankingWindow, times: tuple[int, int], minutes: Iterable[int]
) -> Neighbour | None:
    """The part of some errors that a window holds; None without any.

    Args:
        window: event time.
        times: the first and the last of all the errors (event time, ms).
        minutes: the minute of each that is known, counted since the epoch.
    """
    inside = [
        one * MINUTE_MS
        for one in minutes
        if window.start_ms - MINUTE_MS < one * MINUTE_MS < window.end_ms
    ]
    if not inside:
        return None
    first_ms = max(times[0], min(inside))
    return Neighbour(first_ms, max(first_ms, min(times[1], max(inside) + MINUTE_MS)), len(inside))


def joined(parts: Sequence[Neighbour]) -> Neighbour:
    """One incident of its parts, of which there is at least one."""
    return Neighbour(
        min(one.first_ms for one in parts),
        max(one.last_ms for one in parts),
        sum(one.errors for one in parts),
    )


def own_window(
    first_ms: int, errors: int, neighbours: Iterable[Neighbour], *, has_normal: bool
) -> RankingWindow:
    """The part of the window around an incident in which no neighbour runs, as far as there is one.

    Args:
        first_ms: the incident's first error (event time).
        errors: how many it has.
        neighbours: other incidents of about that time.
        has_normal: without one, the time before the incident is what it is compared with: then all
            of that is kept.
    """
    whole = window_around(first_ms)
    start_ms, end_ms = whole.start_ms, whole.end_ms
    for one in neighbours:
        if one.errors < LEAST_SHARE * errors:
            continue
        if one.first_ms >= first_ms + LEAST_OWN_MS:
            end_ms = min(end_ms, one.first_ms - LEAD_MS)
        elif one.first_ms < first_ms and has_normal:
            start_ms = max(start_ms, min(one.last_ms + 1, first_ms - LEAST_EARLY_MS))
    return RankingWindow(start_ms, end_ms)


def is_short(window: RankingWindow, first_ms: int) -> bool:
    """True if a window begins so late that its first part reaches into the fault."""
    early_ms = EARLY * (window.end_ms - window.start_ms)
    return window.start_ms + early_ms > first_ms - LEAD_MS


def begun_within(events: Sequence[LogEvent], window: RankingWindow) -> tuple[LogEvent, ...]:
    """The events of the traces that begin in a window, and the events without a trace in it."""
    began: dict[str, int] = {}
    for event in events:
        if event.trace_id is not None:
            at_ms = event.timestamp_ms
            began[event.trace_id] = min(at_ms, began.get(event.trace_id, at_ms))
    return tuple(
        event
        for event in events
        if window.start_ms <= began.get(event.trace_id or "", event.timestamp_ms) < window.end_ms
    )
