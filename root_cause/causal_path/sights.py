"""Chooses the lines or spans of a request that show a hop, in time order. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from firstcause.events.log_event import LogEvent
from root_cause.causal_path.path import Sight
from root_cause.causal_path.request_tree import Visit


@dataclass(frozen=True, slots=True)
class Way:
    """The visits of one request, from the culprit's up to the last one that complains.

    `missing` is True if the culprit has no line in the request. Then the first visit is that of the
    service that complains of it.
    """

    visits: tuple[Visit, ...]
    missing: bool


def sights(place: int, ways: Sequence[Way]) -> tuple[Sight | None, Sight | None]:
    """What shows a hop in the first request that shows it in the order of time."""
    for way in ways:
        visits = way.visits
        below = None if way.missing and place == 0 else visits[place - way.missing]
        above = visits[place + 1 - way.missing]
        # Who left nothing is shown by what the caller said before it complained.
        pair = _end_and_complaint(below, above) if below else _call_and_complaint(above)
        if pair is not None:
            return pair
    return None, None


def _end_and_complaint(below: Visit, above: Visit) -> tuple[Sight, Sight] | None:
    """The callee's complaint, or its last sign of life, before the caller's own."""
    after = _sign_after(above, _earliest_ms(below))
    if after is None:
        return None
    told = [event for event in below.complaints if event.timestamp_ms <= after.at_ms]
    lines = told or [event for event in below.events if event.timestamp_ms <= after.at_ms]
    if lines:
        return sight(lines[-1]), after
    if below.span is not None and below.end_ms <= after.at_ms:
        return Sight(below.service_name, below.end_ms, span_id=below.id), after
    return None


def _earliest_ms(visit: Visit) -> int:
    lines = visit.complaints or visit.events
    return lines[0].timestamp_ms if lines else visit.end_ms


def _sign_after(above: Visit, since_ms: int) -> Sight | None:
    """The caller's line after the callee's: its complaint, else its next line."""
    for lines in (above.complaints, above.events):
        later = [event for event in lines if event.timestamp_ms >= since_ms]
        if later:
            return sight(later[0])
    if above.span is not None and above.end_ms >= since_ms:
        return Sight(above.service_name, above.end_ms, span_id=above.id)
    return None


def _call_and_complaint(above: Visit) -> tuple[Sight, Sight] | None:
    if not above.complaints:
        return None
    told = above.complaints[0]
    earlier = [
        event for event in above.events if (event.timestamp_ms, event.log_id) < when_said(told)
    ]
    if not earlier or earlier[-1].log_id == told.log_id:
        return None
    return sight(earlier[-1]), sight(told)


def when_said(event: LogEvent) -> tuple[int, str]:
    """The order of lines: by time, then by id."""
    return event.timestamp_ms, event.log_id


def sight(event: LogEvent) -> Sight:
    """What a line shows."""
    return Sight(event.service_name, event.timestamp_ms, log_id=event.log_id)
