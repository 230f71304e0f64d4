"""Summarises a service's normal in a few rows. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from root_cause.explanation.reasons import label
from root_cause.normal.learned_counts import Normal, ServiceNormal
from root_cause.ranking.ranker import named_from
from root_cause.traces.durations import Stretch, TimeKey
from root_cause.traces.event_key import SEPARATOR
from root_cause.traces.histogram import Histogram, quantile_ms
from root_cause.traces.steps import ANY


@dataclass(frozen=True, slots=True)
class EventRate:
    """The rate of an event in 100 traces of the system; None if the system has no traces."""

    event: str
    count: int
    per_100_traces: float | None


@dataclass(frozen=True, slots=True)
class Following:
    """A successor of an event of the service, with its share of the cases."""

    event: str
    after: str
    share: float
    cases: int


@dataclass(frozen=True, slots=True)
class UsualTime:
    """How long something takes, in ms; bounds of histograms, at most 9 % too high."""

    what: str
    median_ms: float
    p95_ms: float
    cases: int


@dataclass(frozen=True, slots=True)
class AmbientError:
    """An error that comes although nothing is wrong, in the share of all traces."""

    event: str
    traces: int
    share: float


@dataclass(frozen=True, slots=True)
class ServiceSummary:
    """One service's normal, each part the most frequent first.

    Attributes:
        named_from: the score from which on a suspect of any service can be named.
    """

    rates: tuple[EventRate, ...]
    followings: tuple[Following, ...]
    times: tuple[UsualTime, ...]
    errors: tuple[AmbientError, ...]
    named_from: float


def summary_of(normal: Normal, service_name: str, most: int) -> ServiceSummary | None:
    """The normal of a service, with a limit of rows for each part; None if it is unknown."""
    part = normal.services.get(service_name)
    if part is None:
        return None
    traces = max(1, normal.traces)
    return ServiceSummary(
        rates=tuple(
            EventRate(label(key), count, 100 * count / normal.traces if normal.traces else None)
            for key, count in _commonest(part.events, most)
        ),
        followings=tuple(_followings(part, most)),
        times=tuple(_times(part.times, most)),
        errors=tuple(
            AmbientError(label(key), count, min(1.0, count / traces))
            for key, count in _commonest(part.error_traces, most)
        ),
        named_from=named_from(normal),
    )


def _commonest(counts: Mapping[str, int], most: int) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:most]


def _followings(part: ServiceNormal, most: int) -> Iterable[Following]:
    """Of the wider contexts: whatever came before the event, and whoever called."""
    after: dict[str, dict[str, int]] = {}
    for (_, before, here), counts in part.successors.items():
        if before == ANY:
            known = after.setdefault(here, {})
            for key, count in counts.items():
                known[key] = known.get(key, 0) + count
    rows = []
    for here, counts in after.items():
        cases = sum(counts.values())
        rows += [
            (count, Following(label(here), label(key), count / cases, cases))
            for key, count in counts.items()
        ]
    rows.sort(key=lambda one: (-one[0], one[1].event, one[1].after))
    return (row for _, row in rows[:most])


def _times(times: Mapping[TimeKey, Histogram], most: int) -> Iterable[UsualTime]:
    rows = sorted(times.items(), key=lambda one: (-sum(one[1].values()), one[0]))
    return (
        UsualTime(
            _what(key),
            quantile_ms(histogram, 0.5),
            quantile_ms(histogram, 0.95),
            sum(histogram.values()),
        )
        for key, histogram in rows[:most]
    )


def _what(key: TimeKey) -> str:
    operation = key.operation.replace(SEPARATOR, " ")
    if key.stretch == Stretch.NET:
        return f"the way from {key.one} to {key.other} ({operation})"
    if key.stretch == Stretch.SELF:
        return f"own work in {operation}"
    return f"from {label(key.one)} to {label(key.other)}"
