"""Uses the beginning of a window as a control: what is there from the start is no evidence. Pure.

A window begins some time before its incident, so what its first part shows too is no evidence. If
nothing was learned as normal yet, as on the first day, that part is used as normal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from firstcause.events.log_event import LogEvent
from firstcause.events.span import Span
from root_cause.normal.learned_counts import Normal
from root_cause.normal.learner import learn

# Evidence is looked for behind that share of a window.
EARLY: Final = 0.2
# As much of it is learned where there is no normal: of less, nothing is regular yet.
LEARNED: Final = 0.35
_NS_PER_MS: Final = 1_000_000


class Window(NamedTuple):
    """Events and spans of a time."""

    events: Sequence[LogEvent]
    spans: Sequence[Span]


def share_ms(events: Sequence[LogEvent], spans: Sequence[Span], share: float) -> int:
    """The end of the first `share` of a window (event time, ms); 0 for an empty one."""
    moments = [event.timestamp_ms for event in events]
    moments += [span.start_ns // _NS_PER_MS for span in spans]
    if not moments:
        return 0
    return min(moments) + round(share * (max(moments) - min(moments)))


def learned_from_itself(
    events: Sequence[LogEvent], spans: Sequence[Span], until_ms: int
) -> tuple[Normal, Window]:
    """The normal of a window before a moment, and the rest of it; a trace is in one of both."""
    began: dict[str, int] = {}
    for event in events:
        if event.trace_id is not None:
            at_ms = event.timestamp_ms
            began[event.trace_id] = min(at_ms, began.get(event.trace_id, at_ms))
    for span in spans:
        at_ms = span.start_ns // _NS_PER_MS
        began[span.trace_id] = min(at_ms, began.get(span.trace_id, at_ms))
    early: tuple[list[LogEvent], list[Span]] = ([], [])
    late: tuple[list[LogEvent], list[Span]] = ([], [])
    for event in events:
        at_ms = began.get(event.trace_id or "", event.timestamp_ms)
        (early if at_ms < until_ms else late)[0].append(event)
    for span in spans:
        (early if began[span.trace_id] < until_ms else late)[1].append(span)
    return learn(*early), Window(*late)
