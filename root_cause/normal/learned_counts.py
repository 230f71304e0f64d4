"""The counts that are stored when normal is learned: what services do in fault-free time. Pure.

`root_cause.normal.learner` fills them, and the stores of `firstcause/normal/` keep them for each
learned hour. All counts are integers, so merging is exactly associative and commutative.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from root_cause.traces.durations import Stretch, TimeKey
from root_cause.traces.event_key import service_of
from root_cause.traces.histogram import Histogram
from root_cause.traces.steps import Context

# The version of the counts' meaning: a profile of another version has to be learned again.
VERSION: Final = 2


@dataclass(slots=True)
class ServiceNormal:
    """The normal of one service; all of it concerns its own events and spans.

    Attributes:
        successors: the counts of the next events in each context.
        context_traces: the number of traces with each context.
        events: how often each of its events came.
        entries: how often each was the first of a span.
        ends: how often each was the last of a trace.
        follows: how often one followed another in a span, where clocks could tell.
        error_traces: in how many traces each of its errors came: its ambient errors.
        times: histograms of gaps from its events, of the ways of calls to it, of its own work.
    """

    successors: dict[Context, dict[str, int]] = field(default_factory=dict)
    context_traces: Counter[Context] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    entries: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)
    follows: Counter[tuple[str, str]] = field(default_factory=Counter)
    error_traces: Counter[str] = field(default_factory=Counter)
    times: dict[TimeKey, Histogram] = field(default_factory=dict)


@dataclass(slots=True)
class Normal:
    """The normal of a system.

    Attributes:
        services: by name.
        traces: from how many traces it was learned; events without a trace are in none.
        noise: how often stretches of it, ranked against other stretches of it, reached each
            highest score, in hundredths (`quiet_hours/own_noise.py`).
    """

    services: dict[str, ServiceNormal] = field(default_factory=dict)
    traces: int = 0
    noise: Counter[int] = field(default_factory=Counter)

    def of(self, service_name: str) -> ServiceNormal:
        """A service's normal, to count into; an empty one for a new service."""
        found = self.services.get(service_name)
        if found is None:
            found = self.services[service_name] = ServiceNormal()
        return found


def owner_of(key: TimeKey) -> str:
    """The service in whose normal a time is kept."""
    if key.stretch == Stretch.GAP:
        return service_of(key.one)
    return key.other if key.stretch == Stretch.NET else key.one


def merge(normals: Iterable[Normal]) -> Normal:
    """One normal of several, as if learned from all of it; the parts stay as they are."""
    total = Normal()
    for normal in normals:
        total.traces += normal.traces
        total.noise.update(normal.noise)
        for name, part in normal.services.items():
            found = total.of(name)
            for counts, more in zip(_plain(found), _plain(part), strict=True):
                counts.update(more)
            for nested, parts in zip(_nested(found), _nested(part), strict=True):
                for key, counted in parts.items():
                    known = nested.setdefault(key, {})
                    for item, count in counted.items():
                        known[item] = known.get(item, 0) + count
    return total


def decayed(normal: Normal, factor: float) -> Normal:
    """The same with every count at a fraction, rounded; what gets to nothing is forgotten.

    Its noise stays: it is a handful of scores, and how much a system varies does not age.

    Args:
        normal: stays as it is.
        factor: 0 forgets all, 1 nothing.
    """
    found = Normal(traces=round(normal.traces * factor), noise=Counter(normal.noise))
    for name, part in normal.services.items():
        weaker = ServiceNormal()
        for counts, old in zip(_plain(weaker), _plain(part), strict=True):
            counts.update(_scaled(old, factor))
        for nested, olds in zip(_nested(weaker), _nested(part), strict=True):
            for key, counted in olds.items():
                if kept := _scaled(counted, factor):
                    nested[key] = kept
        if any(_plain(weaker)) or any(_nested(weaker)):
            found.services[name] = weaker
    return found


def _plain(part: ServiceNormal) -> tuple[Counter[Any], ...]:
    return (
        part.context_traces,
        part.events,
        part.entries,
        part.ends,
        part.follows,
        part.error_traces,
    )


def _nested(part: ServiceNormal) -> tuple[dict[Any, dict[Any, int]], ...]:
    return part.successors, part.times


def _scaled(counts: Mapping[Any, int], factor: float) -> dict[Any, int]:
    return {key: scaled for key, count in counts.items() if (scaled := round(count * factor)) > 0}
