"""Measures how much evidence a fault-free time raises against itself. Pure.

What one half of a fault-free time shows against the other is no evidence of a fault. A service is
named only above that (`ranking/ranker.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from firstcause.events.log_event import LogEvent
from firstcause.events.span import Span
from root_cause.normal.learned_counts import Normal
from root_cause.normal.learner import learn
from root_cause.quiet_hours.whole_traces import Trace, traces_of
from root_cause.ranking.ranker import HUNDREDTHS, rank

# What the ranking is measured with, and ranks within a second.
MOST_EVENTS: Final = 5_000
# In fewer traces nothing is regular that could differ.
LEAST_TRACES: Final = 20
# What a shorter time is taken for, in hundredths: it is louder than most that are long enough.
UNKNOWN_NOISE: Final = 200

Recording = tuple[list[LogEvent], list[Span]]


def learn_with_noise(events: Iterable[LogEvent], spans: Iterable[Span]) -> Normal:
    """The normal of a fault-free time, with what it raises against itself.

    Learns it once more and ranks two stretches of at most 5,000 events: about a second more.
    """
    events, spans = list(events), list(spans)
    return replace(learn(events, spans), noise=own_noise(events, spans))


def own_noise(events: Iterable[LogEvent], spans: Iterable[Span]) -> Counter[int]:
    """The highest score of each half of a fault-free time against the other, in hundredths.

    Of each half a stretch of at most 5,000 events is ranked, the two as far apart as they can be.
    A time of fewer than 40 traces is too short to tell, so that a loud one is assumed.
    """
    traces = sorted(traces_of(events, spans), key=_when)
    middle = len(traces) // 2
    if middle < LEAST_TRACES:
        return Counter((UNKNOWN_NOISE,))
    first, second = traces[:middle], traces[middle:]
    return Counter(
        (
            _highest(_stretch(first), second),
            _highest(_stretch(second[::-1]), first),
        )
    )


def _when(trace: Trace) -> tuple[int, str]:
    """Its place in time, also among those that start at once: arrival decides nothing."""
    marks = [event.trace_id or event.log_id for event in trace.events]
    return trace.start_ms, (marks or [span.trace_id for span in trace.spans])[0]


def _highest(window: Sequence[Trace], normal: Sequence[Trace]) -> int:
    suspects = rank(*_joined(window), learn(*_joined(normal))).suspects
    return round(HUNDREDTHS * suspects[0].score) if suspects else 0


def _stretch(traces: Iterable[Trace]) -> list[Trace]:
    """The first of these traces, until they have as many events as are ranked at once."""
    found: list[Trace] = []
    events = 0
    for trace in traces:
        events += len(trace.events)
        if found and events > MOST_EVENTS:
            break
        found.append(trace)
    return found


def _joined(traces: Iterable[Trace]) -> Recording:
    traces = list(traces)
    return (
        [event for trace in traces for event in trace.events],
        [span for trace in traces for span in trace.spans],
    )
