"""Estimates from logs how far hosts' clocks have moved since normal was learned. Pure.

What follows quickly in another service does so at a nearly constant distance. If that distance
grew from caller to callee and shrank on the way back by as much, then a clock has moved. If it only
grew, somebody is slow. One service can look as if its clock had moved when it makes others give up
early, so that clocks are corrected only where most have moved.
"""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from firstcause.events.log_event import LogEvent
from root_cause.normal.learned_counts import Normal
from root_cause.traces.clocks import Way, evenly, joined
from root_cause.traces.durations import Stretch
from root_cause.traces.event_key import END, event_key, service_of
from root_cause.traces.histogram import quantile_ms

_SAMPLED: Final = 300
# Distances known from fewer cases, or that differ by more, tell no shift.
_LEAST_SEEN: Final = 5
_MOST_SPREAD_MS: Final = 20.0
_LEAST_CASES: Final = 3
# Less is not worth a correction: it moves few events past others.
_NOTICED_MS: Final = 10
# So many of the pairs have to tell of a shift.
_MOST: Final = 0.5

# By event and next event, of two services: the usual distance in ms.
Distances = Mapping[str, Mapping[str, float]]


class _Bounds(NamedTuple):
    """What a callee's clock may be ahead of a caller's at least and at most, in ms."""

    least_ms: float
    most_ms: float


def clock_shifts(traces: Iterable[Sequence[LogEvent]], normal: Normal) -> dict[str, int]:
    """By how many ms each service's clock went ahead since normal was learned; empty for none.

    Args:
        traces: the events of each trace, in any order.
        normal: by its own clocks.
    """
    distances = _distances(normal)
    moved: dict[tuple[str, str], list[float]] = defaultdict(list)
    for moments in _sampled(traces):
        for one, times in moments.items():
            for two, usual_ms in distances.get(one, {}).items():
                others = moments.get(two)
                # The n-th of one belongs to the n-th of the other.
                if others is not None and len(others) == len(times):
                    moved[one, two] += [
                        other - time - usual_ms for time, other in zip(times, others, strict=True)
                    ]
    bounds = _bounds(moved)
    both = [_shift_ms(found) for found in bounds.values() if math.isfinite(sum(found))]
    if sum(shift_ms != 0 for shift_ms in both) <= _MOST * len(both):
        return {}
    ways = [
        Way(abs(found.most_ms - found.least_ms), abs(shift_ms), one, other, shift_ms)
        for (one, other), found in bounds.items()
        for shift_ms in (_shift_ms(found),)
    ]
    return joined(sorted(ways))


def _distances(normal: Normal) -> Distances:
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for part in normal.services.values():
        for key, times in part.times.items():
            if (
                key.stretch == Stretch.GAP
                and key.other != END
                and service_of(key.one) != service_of(key.other)
                and sum(times.values()) >= _LEAST_SEEN
                and quantile_ms(times, 0.75) - quantile_ms(times, 0.25) <= _MOST_SPREAD_MS
            ):
                found[key.one][key.other] = quantile_ms(times, 0.5)
    return found


def _sampled(traces: Iterable[Sequence[LogEvent]]) -> Iterator[dict[str, list[int]]]:
    """Of some traces, evenly over time, when each kind of event came."""
    for events in evenly(traces, _SAMPLED):
        moments: dict[str, list[int]] = defaultdict(list)
        for event in sorted(events, key=lambda event: event.timestamp_ms):
            moments[event_key(event)].append(event.timestamp_ms)
        yield moments


def _bounds(moved: Mapping[tuple[str, str], Sequence[float]]) -> dict[tuple[str, str], _Bounds]:
    """By two services, what all distances between them allow: delays only make them grow."""
    found: dict[tuple[str, str], _Bounds] = {}
    for (one, two), differences in moved.items():
        if len(differences) < _LEAST_CASES:
            continue
        ms = statistics.median(differences)
        first, second = service_of(one), service_of(two)
        pair = (first, second) if (second, first) not in found else (second, first)
        least_ms, most_ms = found.get(pair, _Bounds(-math.inf, math.inf))
        if pair == (first, second):
            found[pair] = _Bounds(least_ms, min(most_ms, ms))
        else:
            found[pair] = _Bounds(max(least_ms, -ms), most_ms)
    return found


def _shift_ms(bounds: _Bounds) -> int:
    """The least shift that the bounds allow; what is known from one side only counts as it is."""
    if not math.isfinite(sum(bounds)):
        return round(next(ms for ms in bounds if math.isfinite(ms)))
    least_ms, most_ms = sorted(bounds)
    nearest_ms = min(max(0.0, least_ms), most_ms)
    return round(nearest_ms) if abs(nearest_ms) >= _NOTICED_MS else 0
