"""Cuts the ranking's window of an incident to the time in which no other incident runs. Pure.

What another incident shows is no evidence for this one. Requests with its errors are left out
(`other_incidents`). Those that it only slows down, and what it logs beside requests, are told apart
by time alone. Incidents that begin at about the same time cannot be told apart so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from firstcause.events.log_event import LogEvent
from log_analyzer.episodes.tally import MINUTE_MS
from log_analyzer.suspects.window import LEAD_MS, RankingWindow, trace_beginnings, window_around
from root_cause.ranking.early_part import EARLY

# A neighbour that begins so soon leaves too little time that could be compared.
LEAST_OWN_MS: Final = 30_000
# So much before the first error is compared in any case.
LEAST_EARLY_MS: Final = 15_000
# Few errors, and a small share of the errors, cut nothing: some errors come at any time.
LEAST_ERRORS: Final = 10
LEAST_SHARE: Final = 0.2


@dataclass(frozen=True, slots=True)
class Neighbour:
    """Another incident that has errors in a window.

    Attributes:
        first_ms: its first error (event time), which may lie before the window.
        last_ms: its last error, or the end of its last minute in the window if that is earlier.
        errors: how many it has in the window.
    """

    first_ms: int
    last_ms: int
    errors: int


def part_within(
    window: RankingWindow, times: tuple[int, int], minutes: Mapping[int, int]
) -> Neighbour | None:
    """What a window holds of some errors; None without any.

    Args:
        window: event time.
        times: the first and the last of all the errors (event time, ms).
        minutes: how many there are in each minute since the epoch.
    """
    inside = {
        one * MINUTE_MS: count
        for one, count in minutes.items()
        if window.start_ms - MINUTE_MS < one * MINUTE_MS < window.end_ms
    }
    if not inside:
        return None
    last_ms = min(times[1], max(inside) + MINUTE_MS)
    return Neighbour(times[0], max(times[0], last_ms), sum(inside.values()))


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
        errors: how many it has in the window.
        neighbours: other incidents with errors in the window.
        has_normal: without one, the time before the incident is what it is compared with: then all
            of that is kept.

    A neighbour that runs since before the window cuts nothing: what it shows is in the window's
    first part as well, which is a control.
    """
    whole = window_around(first_ms)
    start_ms, end_ms = whole.start_ms, whole.end_ms
    for one in neighbours:
        if one.errors < max(LEAST_ERRORS, LEAST_SHARE * errors):
            continue
        if one.first_ms >= first_ms + LEAST_OWN_MS:
            end_ms = min(end_ms, one.first_ms - LEAD_MS)
        elif has_normal and one.last_ms < first_ms:
            start_ms = max(start_ms, min(one.last_ms + 1, first_ms - LEAST_EARLY_MS))
        elif has_normal and whole.start_ms <= one.first_ms < first_ms:
            start_ms = max(start_ms, first_ms - LEAST_EARLY_MS)
    return RankingWindow(start_ms, end_ms)


def is_short(window: RankingWindow, first_ms: int) -> bool:
    """True if a window begins so late that its first part reaches into the fault."""
    early_ms = EARLY * (window.end_ms - window.start_ms)
    return window.start_ms + early_ms > first_ms - LEAD_MS


def begun_within(events: Sequence[LogEvent], window: RankingWindow) -> tuple[LogEvent, ...]:
    """The events of the traces that belong to a window, and the events without a trace in it.

    A trace belongs to the window in which it begins. One that began before and fails in the window
    belongs to it too: it may have waited for long.
    """
    began = trace_beginnings(events)
    failing = {
        one.trace_id
        for one in events
        if one.is_error and window.start_ms <= one.timestamp_ms < window.end_ms
    }
    kept = {
        trace
        for trace, at_ms in began.items()
        if at_ms < window.end_ms and (at_ms >= window.start_ms or trace in failing)
    }
    return tuple(
        event
        for event in events
        if event.trace_id in kept
        or (event.trace_id is None and window.start_ms <= event.timestamp_ms < window.end_ms)
    )
