"""Damages logs, spans and normal (seeded), to measure how robust a ranking is."""

from __future__ import annotations

import random
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from firstcause.events.log_event import LogEvent
from firstcause.events.span import Span
from root_cause.quiet_hours.whole_traces import Trace, traces_of
from root_cause.traces.event_key import LINE_ATTRIBUTES, event_key, template

_SHARE: Final = 0.1
_SKEW_MS: Final = 200
_NS_PER_MS: Final = 1_000_000
_DEBUG_LEVELS: Final = frozenset({"DEBUG", "TRACE"})
_NUMBER: Final = re.compile("[0-9]{1,9}")

Recording = tuple[list[LogEvent], list[Span]]


@dataclass(frozen=True, slots=True)
class Degradation:
    """One change to a recording, for events and spans alike; seeded, never in place.

    Attributes:
        says: what it does, for people.
        normal_only: only the fault-free recording is changed, and the case is not.
    """

    name: str
    says: str
    change: Callable[[Sequence[LogEvent], Sequence[Span], random.Random], Recording]
    normal_only: bool = False


def _drop(events: Sequence[LogEvent], spans: Sequence[Span], dice: random.Random) -> Recording:
    return (
        [event for event in events if dice.random() >= _SHARE],
        [span for span in spans if dice.random() >= _SHARE],
    )


def _duplicate(events: Sequence[LogEvent], spans: Sequence[Span], dice: random.Random) -> Recording:
    """Half of the copies keep their id (delivered twice), half have another (shipped twice)."""
    copies = [event for event in events if dice.random() < _SHARE]
    renamed = [
        replace(event, log_id=str(UUID(int=dice.getrandbits(128)))) if number % 2 else event
        for number, event in enumerate(copies)
    ]
    return [*events, *renamed], [*spans, *(span for span in spans if dice.random() < _SHARE)]


def _shuffle(events: Sequence[LogEvent], spans: Sequence[Span], dice: random.Random) -> Recording:
    return dice.sample(events, len(events)), dice.sample(spans, len(spans))


def _skew(events: Sequence[LogEvent], spans: Sequence[Span], dice: random.Random) -> Recording:
    """Each service's clock is off by up to 200 ms, either way, for all of the recording."""
    names = sorted({one.service_name for one in events} | {one.service_name for one in spans})
    off_ms = {name: dice.randint(-_SKEW_MS, _SKEW_MS) for name in names}
    return (
        [
            replace(event, timestamp_ms=event.timestamp_ms + off_ms[event.service_name])
            for event in events
        ],
        [
            replace(span, start_ns=span.start_ns + off_ms[span.service_name] * _NS_PER_MS)
            for span in spans
        ],
    )


def _no_source(events: Sequence[LogEvent], spans: Sequence[Span], _: random.Random) -> Recording:
    return [replace(event, logger=None, attributes={}) for event in events], list(spans)


def _no_span_ids(events: Sequence[LogEvent], spans: Sequence[Span], _: random.Random) -> Recording:
    return [replace(event, span_id=None, parent_span_id=None) for event in events], list(spans)


def _no_debug(events: Sequence[LogEvent], spans: Sequence[Span], _: random.Random) -> Recording:
    return [event for event in events if event.level not in _DEBUG_LEVELS], list(spans)


def _no_trace_ids(events: Sequence[LogEvent], _: Sequence[Span], __: random.Random) -> Recording:
    """Spans go too: they are nothing but traces."""
    bare = [replace(event, trace_id=None, span_id=None, parent_span_id=None) for event in events]
    return bare, []


def _short(events: Sequence[LogEvent], spans: Sequence[Span], dice: random.Random) -> Recording:
    """The whole traces that begin in one tenth of the time in which anything was logged."""
    traces = sorted(traces_of(events, spans), key=lambda one: one.start_ms)
    many = max(1, round(_SHARE * len(traces)))
    begin = dice.randrange(len(traces) - many + 1)
    return _joined(traces[begin : begin + many])


def _other_mix(events: Sequence[LogEvent], spans: Sequence[Span], dice: random.Random) -> Recording:
    """Of each kind of request (the first line's) another share is kept, from none to all."""
    shares: dict[str, float] = {}
    kept = []
    for trace in sorted(traces_of(events, spans), key=lambda one: one.start_ms):
        kind = _kind(trace)
        if kind not in shares:
            shares[kind] = dice.random()
        if dice.random() < shares[kind]:
            kept.append(trace)
    return _joined(kept)


def _old_version(
    events: Sequence[LogEvent], spans: Sequence[Span], dice: random.Random
) -> Recording:
    """A third of the services say a fifth of their lines in other words, and at other places."""
    names = sorted({event.service_name for event in events})
    old = set(dice.sample(names, max(1, len(names) // 3)))
    reworded: dict[tuple[str, str], bool] = defaultdict(lambda: dice.random() < 2 * _SHARE)
    moved: dict[str, int] = defaultdict(lambda: dice.randint(1, 40))
    found = []
    for event in events:
        if event.service_name in old:
            key = (event.service_name, template(event.message, is_error=event.is_error))
            says = f"formerly {event.message}" if reworded[key] else event.message
            event = replace(  # noqa: PLW2901
                event, message=says, attributes=_moved(event, moved[event.service_name])
            )
        found.append(event)
    return found, list(spans)


def _moved(event: LogEvent, lines: int) -> dict[str, str]:
    return {
        name: str(int(value) + lines)
        if name in LINE_ATTRIBUTES and _NUMBER.fullmatch(value)
        else value
        for name, value in event.attributes.items()
    }


def _half_unknown(
    events: Sequence[LogEvent], spans: Sequence[Span], dice: random.Random
) -> Recording:
    names = sorted({one.service_name for one in events} | {one.service_name for one in spans})
    known = set(dice.sample(names, (len(names) + 1) // 2))
    return (
        [event for event in events if event.service_name in known],
        [span for span in spans if span.service_name in known],
    )


def _kind(trace: Trace) -> str:
    if not trace.events:
        return ""
    first = min(trace.events, key=lambda one: (one.timestamp_ms, one.log_id))
    return event_key(first)


def _joined(traces: Sequence[Trace]) -> Recording:
    return (
        [event for trace in traces for event in trace.events],
        [span for trace in traces for span in trace.spans],
    )


DEGRADATIONS: Final = {
    one.name: one
    for one in (
        Degradation("drop", "10 % of lines and spans dropped", _drop),
        Degradation("duplicate", "10 % of lines and spans twice", _duplicate),
        Degradation("shuffle", "shuffled arrival", _shuffle),
        Degradation("skew", "clocks off by up to 200 ms", _skew),
        Degradation("no-source", "no logger and line", _no_source),
        Degradation("no-span-ids", "no span ids in logs", _no_span_ids),
        Degradation("no-trace-ids", "no trace ids, no spans", _no_trace_ids),
        Degradation("no-debug", "DEBUG dropped", _no_debug),
        Degradation("short-normal", "normal of a tenth of the time", _short, normal_only=True),
        Degradation("other-mix", "normal of another mix", _other_mix, normal_only=True),
        Degradation("old-normal", "normal of the version before", _old_version, normal_only=True),
        Degradation("half-normal", "normal of half of the services", _half_unknown, True),
    )
}
