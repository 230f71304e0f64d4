"""What goes wrong with logs on their way: seeded changes to measure how well a ranking bears it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from firstcause.log_event import LogEvent
from firstcause.root_cause.span import Span

_SHARE: Final = 0.1
_SKEW_MS: Final = 200
_NS_PER_MS: Final = 1_000_000

Recording = tuple[list[LogEvent], list[Span]]


@dataclass(frozen=True, slots=True)
class Degradation:
    """One change to a recording, for events and spans alike; seeded, never in place."""

    name: str
    says: str
    change: Callable[[Sequence[LogEvent], Sequence[Span], random.Random], Recording]


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


DEGRADATIONS: Final = {
    one.name: one
    for one in (
        Degradation("drop", "10 % of lines and spans dropped", _drop),
        Degradation("duplicate", "10 % of lines and spans twice", _duplicate),
        Degradation("shuffle", "shuffled arrival", _shuffle),
        Degradation("skew", "clocks off by up to 200 ms", _skew),
        Degradation("no-source", "no logger and line", _no_source),
        Degradation("no-span-ids", "no span ids in logs", _no_span_ids),
    )
}
