"""Traffic in which nothing is wrong, as pairs of a normal and a window: simulations of noise.

Twelve services, eight kinds of requests, one law for both. In some rows something harmless is
different in the window: a loop, a flood of DEBUG, another level, the end of the recording.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from firstcause.events.log_event import LogEvent
from root_cause.evaluation.noise import Pair

_SERVICES: Final = tuple(f"service-{letter}" for letter in "abcdefghijkl")
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_KINDS: Final = 8
_LINES: Final = (8, 18)
_DEBUG_SHARE: Final = 0.25
_SKIPPED_SHARE: Final = 0.06
_BETWEEN_REQUESTS_MS: Final = 1_000
_START_MS: Final = 1_790_000_000_000
_LOOPS: Final = 1_000
_POLLS: Final = 120
_FLOOD: Final = 3_000
_ALIVE_EVERY_MS: Final = 10_000

Events = list[LogEvent]
Change = Callable[[Events, random.Random], Events]


@dataclass(frozen=True, slots=True)
class NullRow:
    """One kind of simulation.

    Attributes:
        gap_ms, sigma: of the lognormal times between lines: the median, and the scatter.
        normal_traces, window_traces: how many requests each has.
        change: what is different in the window, though nothing is wrong.
    """

    name: str
    gap_ms: float = 8.0
    sigma: float = 0.5
    normal_traces: int = 240
    window_traces: int = 120
    change: Change | None = None


@dataclass(frozen=True, slots=True)
class _Line:
    service_name: str
    level: str
    message: str
    skipped: float


def null_pairs(row: NullRow, count: int, seed: int) -> Iterator[Pair]:
    """So many pairs of a row, each of a system of its own; seeded."""
    for number in range(count):
        dice = random.Random(f"{row.name} {seed} {number}")  # noqa: S311
        kinds = [_request(kind, dice) for kind in range(_KINDS)]
        weights = [dice.uniform(0.5, 2) for _ in kinds]
        normal = _traffic(row, kinds, weights, row.normal_traces, _START_MS, dice)
        after_ms = _START_MS + (row.normal_traces + 60) * _BETWEEN_REQUESTS_MS
        window = _traffic(row, kinds, weights, row.window_traces, after_ms, dice)
        if row.change is not None:
            window = row.change(window, dice)
        yield Pair(f"{row.name} {number}", (normal, []), (window, []))


def _request(kind: int, dice: random.Random) -> list[_Line]:
    """A kind of request: a way through some services and back, the first of them speaking last."""
    way = dice.sample(_SERVICES, dice.randint(3, 6))
    turns = [*way, *reversed(way[:-1])]
    count = max(len(turns), dice.randint(*_LINES))
    places = sorted([*range(len(turns)), *dice.choices(range(len(turns)), k=count - len(turns))])
    return [
        _Line(
            turns[place],
            "DEBUG" if dice.random() < _DEBUG_SHARE else "INFO",
            f"request of kind {_LETTERS[kind]} does part {_LETTERS[number]}",
            _SKIPPED_SHARE if dice.random() < 0.3 else 0.0,  # noqa: PLR2004
        )
        for number, place in enumerate(places)
    ]


def _traffic(
    row: NullRow,
    kinds: Sequence[Sequence[_Line]],
    weights: Sequence[float],
    count: int,
    start_ms: int,
    dice: random.Random,
) -> Events:
    events: Events = []
    at_ms: float = start_ms
    for _ in range(count):
        at_ms += dice.expovariate(1) * _BETWEEN_REQUESTS_MS
        now_ms = at_ms
        trace_id = f"{dice.getrandbits(128):032x}"
        for line in dice.choices(kinds, weights)[0]:
            if dice.random() < line.skipped:
                continue
            now_ms += row.gap_ms * dice.lognormvariate(0, row.sigma)
            events.append(
                LogEvent(
                    log_id=str(UUID(int=dice.getrandbits(128))),
                    timestamp_ms=int(now_ms),
                    service_name=line.service_name,
                    level=line.level,
                    message=line.message,
                    trace_id=trace_id,
                )
            )
    return events + _background(start_ms, int(at_ms), dice)


def _background(start_ms: int, end_ms: int, dice: random.Random) -> Events:
    """What belongs to no request: each service says that it is alive, now and then."""
    return [
        LogEvent(
            log_id=str(UUID(int=dice.getrandbits(128))),
            timestamp_ms=at_ms + dice.randint(0, _ALIVE_EVERY_MS),
            service_name=name,
            level="INFO",
            message="alive, queue is empty",
        )
        for name in _SERVICES
        for at_ms in range(start_ms, end_ms, _ALIVE_EVERY_MS)
    ]


def _repeated(events: Events, dice: random.Random, *, times: int, every_ms: int) -> Events:
    """One line of one request comes many times over; what follows it comes later."""
    one = dice.choice([event for event in events if event.trace_id])
    late_ms = times * every_ms
    moved = [
        replace(event, timestamp_ms=event.timestamp_ms + late_ms)
        if event.trace_id == one.trace_id and event.timestamp_ms > one.timestamp_ms
        else event
        for event in events
    ]
    again = [
        replace(
            one,
            log_id=str(UUID(int=dice.getrandbits(128))),
            timestamp_ms=one.timestamp_ms + turn * every_ms,
        )
        for turn in range(1, times + 1)
    ]
    return moved + again


def _runaway(events: Events, dice: random.Random) -> Events:
    return _repeated(events, dice, times=_LOOPS, every_ms=3)


def _polling(events: Events, dice: random.Random) -> Events:
    return _repeated(events, dice, times=_POLLS, every_ms=500)


def _flood(events: Events, dice: random.Random) -> Events:
    """One service says thousands of DEBUG lines that belong to no request."""
    name = dice.choice(_SERVICES)
    times = [event.timestamp_ms for event in events]
    first_ms, last_ms = min(times), max(times)
    flood = [
        LogEvent(
            log_id=str(UUID(int=dice.getrandbits(128))),
            timestamp_ms=dice.randint(first_ms, last_ms),
            service_name=name,
            level="DEBUG",
            message=f"cache entry {dice.choice(('read', 'written', 'dropped', 'refreshed'))}",
        )
        for _ in range(_FLOOD)
    ]
    return events + flood


def _debug_off(events: Events, dice: random.Random) -> Events:
    debugging = sorted({event.service_name for event in events if event.level == "DEBUG"})
    name = dice.choice(debugging)
    return [event for event in events if event.service_name != name or event.level != "DEBUG"]


def _debug_on(events: Events, dice: random.Random) -> Events:
    """Before each INFO line of one service comes a DEBUG line that was never seen."""
    name = dice.choice(sorted({event.service_name for event in events}))
    more = [
        replace(
            event,
            log_id=str(UUID(int=dice.getrandbits(128))),
            level="DEBUG",
            message=f"entering {event.message}",
        )
        for event in events
        if event.service_name == name and event.level == "INFO"
    ]
    return events + more


def _cut_in_flight(events: Events, _: random.Random) -> Events:
    """The window ends in the middle of its last requests."""
    times = sorted(event.timestamp_ms for event in events)
    end_ms = times[int(len(times) * 0.85)]
    return list(itertools.filterfalse(lambda event: event.timestamp_ms > end_ms, events))


NULL_ROWS: Final = (
    NullRow("gaps of 8 ms, sigma 0.5"),
    NullRow("gaps of 1 s, sigma 0.5", 1_000.0),
    NullRow("gaps of 1 s, sigma 1.0", 1_000.0, 1.0),
    NullRow("the same, 64 traces of normal, 32 in the window", 1_000.0, 1.0, 64, 32),
    NullRow("times x 100", 800.0),
    NullRow("one trace loops 1,000 times", change=_runaway),
    NullRow("one trace polls 120 times", change=_polling),
    NullRow("a DEBUG flood in one service", change=_flood),
    NullRow("DEBUG off in one service", change=_debug_off),
    NullRow("DEBUG on in one service", change=_debug_on),
    NullRow("a window cut in flight", 1_000.0, change=_cut_in_flight),
)
