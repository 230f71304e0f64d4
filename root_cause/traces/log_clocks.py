"""Estimates from logs how far hosts' clocks disagree: a callee works between two lines. Pure.

Whoever calls says something before and after the call, and what the callee says lies between the
two, on one clock. Each way to put a callee's span into a gap of another span of its trace allows
some offsets between the two clocks. The right one fits nearly all calls, and tightly.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

from firstcause.events.log_event import LogEvent
from root_cause.traces.clocks import Way, evenly, joined
from root_cause.traces.event_key import event_key, service_of

# Traces enough to tell; they are taken evenly over time.
_FIRST_LOOK: Final = 40
_SAMPLED: Final = 300
_MOST_TRIED: Final = 100
_LEAST_CALLS: Final = 5
# A trace costs the square of its spans; those of batches have thousands and tell no more.
_MOST_SPANS: Final = 200
# The offsets that are told apart.
_BIN_MS: Final = 2
# A gap with more room than this around the callee allows too much to tell anything.
_MOST_SLACK_MS: Final = 80
# A call's own way and the rounding of clocks: no fit is tighter.
_LEAST_SLACK_MS: Final = 3.0
# An offset that fits fewer of the calls is chance.
_LEAST_FIT: Final = 0.95
# Fits like that as they are, compared with the best, are of clocks that disagree. (Those that
# agree reach more than a half, those that are off by up to 200 ms a tenth.)
_DISAGREE: Final = 0.3
_PLATEAU: Final = 0.9
_ROUNDS: Final = 4

# A gap of one span, by the events around it, and a span that may lie in it, by its first event.
_Fit = tuple[str, str, str]
# How well offsets between two services fit.
_Curve = dict[int, float]


@dataclass(slots=True)
class _Votes:
    """Of one kind of fit: by offset, how tightly and how often it is one; and the tries."""

    tightness: dict[int, float] = field(default_factory=dict)
    fits: dict[int, int] = field(default_factory=dict)
    tried: int = 0


def log_clock_offsets(traces: Iterable[Sequence[LogEvent]]) -> dict[str, int]:
    """By how many ms each service's clock is ahead of the others'; empty if they agree.

    Args:
        traces: the events of each trace, in any order. Those without a span id tell nothing.
    """
    found = list(traces)
    # Clocks mostly agree, and that is quickly seen.
    for sampled in (_FIRST_LOOK, _SAMPLED):
        curves = _curves(_tried(evenly(found, sampled)))
        if curves and _agreement(curves.values()) > _DISAGREE:
            return {}
    ways = [_way(caller, callee, curve) for (caller, callee), curve in curves.items()]
    return _settled(joined(sorted(ways)), curves) if ways else {}


def _tried(traces: Iterable[Sequence[LogEvent]]) -> dict[_Fit, _Votes]:
    """All ways to put the spans of these traces into gaps of one another."""
    kinds: dict[_Fit, _Votes] = defaultdict(_Votes)
    for events in traces:
        spans = _spans(events)
        if len(spans) > _MOST_SPANS:
            continue
        gaps: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
        for moments in spans:
            for (before_ms, before), (after_ms, after) in pairwise(moments):
                gaps[before, after].append((before_ms, after_ms))
        for moments in spans:
            entry = moments[0][1]
            callee = service_of(entry)
            for (before, after), found in gaps.items():
                if service_of(before) != callee:
                    votes = kinds[before, after, entry]
                    if votes.tried < _MOST_TRIED:
                        _vote(votes, found, moments[0][0], moments[-1][0])
    return kinds


def _spans(events: Iterable[LogEvent]) -> list[list[tuple[int, str]]]:
    """The moments and keys of each span's events, in their order."""
    spans: dict[tuple[str, str], list[tuple[int, str]]] = defaultdict(list)
    for event in events:
        if event.span_id is not None:
            moment = (event.timestamp_ms, event_key(event))
            spans[event.service_name, event.span_id].append(moment)
    return [sorted(moments) for moments in spans.values()]


def _vote(votes: _Votes, gaps: Sequence[tuple[int, int]], begin_ms: int, end_ms: int) -> None:
    """For all offsets that put a callee's span into a gap, by how little room is left there."""
    votes.tried += 1
    seen: set[int] = set()
    for before_ms, after_ms in gaps:
        least_ms, most_ms = end_ms - after_ms, begin_ms - before_ms
        slack_ms = most_ms - least_ms
        if not 0 <= slack_ms <= _MOST_SLACK_MS:
            continue
        tightness = 1 / (slack_ms + _LEAST_SLACK_MS)
        for index in range(least_ms // _BIN_MS, most_ms // _BIN_MS + 1):
            votes.tightness[index] = votes.tightness.get(index, 0.0) + tightness
            if index not in seen:
                seen.add(index)
                votes.fits[index] = votes.fits.get(index, 0) + 1


def _curves(kinds: Mapping[_Fit, _Votes]) -> dict[tuple[str, str], _Curve]:
    """By caller and callee, how well each offset fits, over all kinds of fit that agree on any."""
    curves: dict[tuple[str, str], _Curve] = defaultdict(dict)
    for (before, _, entry), votes in kinds.items():
        if votes.tried < _LEAST_CALLS:
            continue
        curve = curves[service_of(before), service_of(entry)]
        for index, fits in votes.fits.items():
            if fits >= _LEAST_FIT * votes.tried:
                curve[index] = curve.get(index, 0.0) + votes.tightness[index] / votes.tried
    return {pair: curve for pair, curve in curves.items() if curve}


def _agreement(curves: Iterable[_Curve]) -> float:
    """How well calls fit with the clocks as they are, compared with how well they could."""
    found = [(max(curve.get(-1, 0.0), curve.get(0, 0.0)), max(curve.values())) for curve in curves]
    return math.fsum(now for now, _ in found) / math.fsum(best for _, best in found)


def _way(caller: str, callee: str, curve: _Curve) -> Way:
    index, best = _peak(curve)
    lead_ms = index * _BIN_MS + _BIN_MS // 2
    return Way(-best, abs(lead_ms), caller, callee, lead_ms)


def _peak(curve: _Curve) -> tuple[int, float]:
    """The middle of where a curve is highest, and how high."""
    first = last = max(curve, key=lambda index: (curve[index], -abs(index), index))
    best = curve[first]
    while curve.get(first - 1, 0.0) >= _PLATEAU * best:
        first -= 1
    while curve.get(last + 1, 0.0) >= _PLATEAU * best:
        last += 1
    return (first + last) // 2, best


def _settled(
    offsets: Mapping[str, int], curves: Mapping[tuple[str, str], _Curve]
) -> dict[str, int]:
    """The offsets moved, one service at a time, to where they fit all its calls best."""
    bins = {name: offset_ms // _BIN_MS for name, offset_ms in offsets.items()}
    calls: dict[str, list[tuple[str, int, _Curve]]] = defaultdict(list)
    for (caller, callee), curve in curves.items():
        calls[callee].append((caller, 1, curve))
        calls[caller].append((callee, -1, curve))
    for _ in range(_ROUNDS):
        for name, own in calls.items():
            total: _Curve = {}
            for partner, sign, curve in own:
                for index, found in curve.items():
                    place = bins[partner] + sign * index
                    total[place] = total.get(place, 0.0) + found
            bins[name], _ = _peak(total)
    return {name: index * _BIN_MS for name, index in bins.items()}
