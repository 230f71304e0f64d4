"""Finds evidence of time: steps and calls that take longer than normal. Pure."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from root_cause.evidence.attribution import Accused, levels_of, likely
from root_cause.evidence.piece import (
    NOTICED_MS,
    Piece,
    Slowness,
    lower_bound,
    sample_weight,
    significance,
    slow_limit_ms,
    surprise,
)
from root_cause.normal.learned_counts import Normal, owner_of
from root_cause.traces.durations import Stretch, TimeKey
from root_cause.traces.histogram import Histogram, bin_of, merged, share_above
from root_cause.traces.steps import Part, Role

_LEAST_SAMPLES: Final = 3
# So many calls of others tell how long a way through the network takes.
_LEAST_OTHERS: Final = 50
# A hundredfold of that, two seconds, is as slow as slow counts.
_MOST_ORDERS: Final = 2.0
# Of a call between two that are equally suspect, the answer is owed by the callee.
_CALLER_SHARE: Final = 0.9
_SHOWN: Final = 3


class Sample(NamedTuple):
    """One time in milliseconds, when its trace began, and what shows it."""

    ms: float
    at_ms: int
    trace_id: str
    log_id: str | None


class UsualTimes:
    """The normal's times; of calls that it hardly knows, those of calls like them.

    Args:
        of_others: compare the way of a call with the ways to all other callees. For where a normal
            is too little to be believed: ways through one network are alike.
    """

    def __init__(self, normal: Normal, *, of_others: bool = False) -> None:
        self._normal = normal
        self._others: dict[str, Histogram] = {}
        self.traces = max(1, normal.traces)
        calls: dict[tuple[str, str] | None, list[Histogram]] = defaultdict(list)
        for part in normal.services.values():
            for key, times in part.times.items():
                if key.stretch == Stretch.NET:
                    calls[key.other, key.operation].append(times)
                    calls[None].append(times)
        self._calls = {key: merged(found) for key, found in calls.items()}
        if of_others:
            callees = {key[0] for key in calls if key is not None}
            self._others = {
                callee: merged(
                    times for key, times in self._calls.items() if key and key[0] != callee
                )
                for callee in callees
            }

    def of(self, key: TimeKey) -> Histogram:
        """The normal times to compare with; too few if nothing similar is known."""
        others = self._others.get(key.other, {}) if key.stretch == Stretch.NET else {}
        if sum(others.values()) >= _LEAST_OTHERS:
            return others
        part = self._normal.services.get(owner_of(key))
        times = part.times.get(key, {}) if part is not None else {}
        if key.stretch != Stretch.NET or sum(times.values()) >= _LEAST_SAMPLES:
            return times
        same_callee = self._calls.get((key.other, key.operation), {})
        if sum(same_callee.values()) >= _LEAST_SAMPLES:
            return same_callee
        return self._calls.get(None, {})


def ways(window: Mapping[TimeKey, list[Sample]]) -> dict[TimeKey, list[Sample]]:
    """The times between two services alone, without those of their own work."""
    return {key: samples for key, samples in window.items() if key.stretch == Stretch.NET}


def slow_evidence(
    window: Mapping[TimeKey, list[Sample]],
    roles: Mapping[TimeKey, tuple[Role, ...]],
    usual: UsualTimes,
) -> list[Piece]:
    """Finds times that are longer than usual; each blames the services that may have spent it.

    A service is the likelier, the slower it is with its other partners in the same role: a slow
    callee is slow for all its callers.
    """
    found = {key: slow for key, samples in window.items() if (slow := _slow(key, samples, usual))}
    levels = levels_of((weight, roles[key]) for key, (weight, _) in found.items())
    return [
        Piece(weight, likely(_accused(roles[key]), levels), finding)
        for key, (weight, finding) in found.items()
        if finding is not None
    ]


def _accused(roles: Iterable[Role]) -> Iterator[Accused]:
    for role in roles:
        yield role, _CALLER_SHARE if role.part == Part.CALLER else 1.0


def _slow(
    key: TimeKey, samples: list[Sample], usual: UsualTimes
) -> tuple[float, Slowness | None] | None:
    """How much slower than usual, 0 with no finding if it is not; None for too few samples.

    A request counts once, however often it passes here.
    """
    passed = Counter(sample.trace_id for sample in samples)
    if len(passed) < _LEAST_SAMPLES:
        return None
    times = usual.of(key)
    events = sum(times.values())
    if events < _LEAST_SAMPLES:
        return None
    normal = min(events, usual.traces) if key.stretch == Stretch.GAP else events
    usual_ms, limit_ms = slow_limit_ms(times)
    limit = bin_of(limit_ms)
    slow = sorted(sample for sample in samples if bin_of(sample.ms) > limit)
    now = len(passed)
    slow_now = math.fsum(1 / passed[sample.trace_id] for sample in slow) / now
    slow_normal = share_above(times, limit_ms)
    more = slow_now - slow_normal
    weight = lower_bound(more, now, normal) if more > 0 else 0.0
    weight *= significance(surprise(slow_now * now, now, slow_normal * normal, normal))
    if weight <= 0:
        return 0.0, None
    typical_ms = slow[len(slow) // 2].ms
    # By how much in orders of magnitude, of what is usual: seconds vary by seconds.
    orders = math.log10(1 + (typical_ms - usual_ms) / (usual_ms + NOTICED_MS))
    weight *= min(_MOST_ORDERS, orders) * sample_weight(now, normal)
    shown = sorted(slow, key=lambda sample: (sample.at_ms, -sample.ms, sample.trace_id))[:_SHOWN]
    return weight, Slowness(
        key=key,
        limit_ms=limit_ms,
        usual_ms=usual_ms,
        typical_ms=typical_ms,
        slow_normal=slow_normal,
        slow_now=slow_now,
        normal=normal,
        now=now,
        log_ids=tuple(sample.log_id for sample in shown if sample.log_id),
        trace_ids=tuple(sample.trace_id for sample in shown),
    )
