"""Refuses quiet times that hold an unnoticed fault. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Final

from firstcause.events.log_event import LogEvent
from firstcause.events.span import Span
from root_cause.normal.deployment import replaced
from root_cause.normal.learned_counts import Normal
from root_cause.quiet_hours.whole_traces import Trace, traces_of
from root_cause.ranking.ranker import rank
from root_cause.traces.event_key import event_key

WINDOW_MS: Final = 5 * 60_000
# What the ranking is measured with, and ranks within a second.
MOST_EVENTS_OF_WINDOW: Final = 5_000
# Of less nothing can be told, and nothing learned.
LEAST_TRACES: Final = 30
TOO_LITTLE: Final = "too little"
# Without any normal to compare with. Recordings of healthy systems have errors in up to two fifths
# of their traces; where most fail, nothing is an example.
MOST_ERROR_TRACES: Final = 0.5


def why_unsound(
    events: Iterable[LogEvent], spans: Iterable[Span], normal: Normal | None
) -> str | None:
    """Why nothing should be learned from a time, for people; None if nothing speaks against it.

    With a normal, each five minutes are ranked against it: a culprit that is named with confidence
    speaks against them. Not so where normal fits no more, or where the culprit says other things
    than it did: that is a new version of the system, or of a service, and has to be learned.

    Args:
        events: of that time, or a sample of its traces, whole.
        spans: of the same traces; may be empty.
        normal: the one in force; None if there is none yet.
    """
    traces = traces_of(events, spans)
    if len(traces) < LEAST_TRACES:
        return f"{TOO_LITTLE}: {len(traces)} traces, of at least {LEAST_TRACES}"
    if normal is None or not normal.services:
        return _too_many_errors(traces)
    said: dict[str, Counter[str]] = defaultdict(Counter)
    windows: dict[int, list[Trace]] = defaultdict(list)
    for trace in traces:
        windows[trace.start_ms // WINDOW_MS].append(trace)
        for event in trace.events:
            said[event.service_name][event_key(event)] += 1
    for _, found in sorted(windows.items()):
        ranking = rank(
            [event for trace in found for event in trace.events],
            [span for trace in found for span in trace.spans],
            normal,
        )
        culprit = ranking.culprit
        if culprit and not _is_new_version(culprit, normal, said[culprit]):
            score = ranking.suspects[0].score
            return f"looks broken: {culprit} departs from normal with score {score:.2f}"
    return None


def _too_many_errors(traces: Sequence[Trace]) -> str | None:
    share = sum(any(event.is_error for event in trace.events) for trace in traces) / len(traces)
    if share > MOST_ERROR_TRACES:
        return f"looks broken: {share:.0%} of the traces have errors, and no normal is known yet"
    return None


def _is_new_version(name: str, normal: Normal, said: Counter[str]) -> bool:
    part = normal.services.get(name)
    return part is None or not part.events or replaced(part.events, said)
