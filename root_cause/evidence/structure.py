"""Finds structural evidence: events whose usual successor is missing. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from root_cause.evidence.attribution import Accused, Turn, accused_of, call_roles, levels_of, likely
from root_cause.evidence.lost_lines import Losses
from root_cause.evidence.piece import (
    Deviation,
    Piece,
    lower_bound,
    sample_weight,
    significance,
    slow_limit_ms,
    surprise,
)
from root_cause.normal.learned_counts import Normal
from root_cause.traces.durations import Stretch, TimeKey
from root_cause.traces.event_key import END, is_error_key, kind_of, level_of, service_of
from root_cause.traces.steps import Context

# A context that normal knows from fewer traces says nothing about what is regular in it.
_LEAST_NORMAL_TRACES: Final = 5
_LEAST_TRACES: Final = 2
# A successor that normal has seen in a quarter of the cases is no news at all.
_NEWS_ENDS_AT: Final = 0.25
# An outcome less severe than the expected one is rarely what went wrong.
_MILDER: Final = 0.3
_SEVERITY: Final = {"WARN": 1, "ERROR": 2, "FATAL": 2}
_LOG_IDS: Final = 3


class Example(NamedTuple):
    """One example of a successor.

    Attributes:
        at_ms, log_id: of the event that shows it.
        gap_ms: how long it took to come.
        own_next: the next event in the span of the event before; END for none.
        opens: it is the first event of its span.
    """

    at_ms: int
    log_id: str
    gap_ms: int
    own_next: str
    opens: bool


@dataclass(slots=True)
class Outcomes:
    """The successors in one context: their counts, their traces, and examples of each."""

    counts: dict[str, float] = field(default_factory=dict)
    traces: set[str] = field(default_factory=set)
    examples: dict[str, list[Example]] = field(default_factory=dict)


class Regularity:
    """The normal as the structure needs it: ambient errors by kind, and entries of spans."""

    def __init__(self, normal: Normal, masked: Callable[[str], str]) -> None:
        self._normal = normal
        self._masked = masked
        self._ambient: dict[str, int] = {}
        for part in normal.services.values():
            for key, traces in part.error_traces.items():
                kind = masked(kind_of(key))
                self._ambient[kind] = self._ambient.get(kind, 0) + traces

    def kind(self, error: str) -> str:
        """What an error has in common with those of other services and of other peers."""
        return self._masked(kind_of(error))

    def ambient_share(self, error: str) -> float:
        """In which share of all normal traces errors of this kind came, of whatever service."""
        return min(
            1.0, self._ambient.get(self._masked(kind_of(error)), 0) / max(1, self._normal.traces)
        )

    def is_entry(self, key: str) -> bool:
        """True when the event is mostly the first of a span: a call leads to it."""
        part = self._normal.services.get(service_of(key))
        return part is not None and 2 * part.entries[key] > part.events[key]

    def usual_ms(self, before: str, after: str) -> float:
        """How long the next event usually takes at most; 0 if that is not known."""
        part = self._normal.services.get(service_of(before))
        times = part.times.get(TimeKey(Stretch.GAP, before, after, END)) if part else None
        return slow_limit_ms(times)[1] if times else 0.0

    def outcomes(self, context: Context) -> tuple[Mapping[str, int], int]:
        """The successors in a context, and the number of traces."""
        part = self._normal.services.get(service_of(context[2]))
        if part is None:
            return {}, 0
        return part.successors.get(context, {}), part.context_traces[context]


def structural_evidence(
    observed: Mapping[Context, Outcomes],
    error_shares: Mapping[str, float],
    regularity: Regularity,
    losses: Losses,
    named: Mapping[str, str],
) -> list[Piece]:
    """Finds contexts whose successors changed; one piece for each change, the strongest.

    Args:
        observed: the successors in each context of the window.
        error_shares: in which share of the window's traces errors of a kind came.
        regularity: what is normal.
        losses: how much of it lost lines explain.
        named: by the key of an error, the other service that it names.
    """

    def news_of(key: str, usual_share: float) -> float:
        news = 1 - min(1.0, usual_share / _NEWS_ENDS_AT)
        if key and is_error_key(key) and (share := error_shares.get(regularity.kind(key), 0.0)):
            news *= max(0.0, 1 - regularity.ambient_share(key) / share)
        return news

    best: dict[tuple[str, str, str], tuple[float, Deviation, tuple[Accused, ...]]] = {}
    calls: set[tuple[str, str]] = set()
    for context, outcomes in observed.items():
        usual, normal_traces = regularity.outcomes(context)
        traces = len(outcomes.traces)
        # A context whose rare successors have all decayed away tells nothing.
        if not usual or normal_traces < _LEAST_NORMAL_TRACES or traces < _LEAST_TRACES:
            continue
        calls.update(_calls(context, usual, regularity))
        samples = sample_weight(traces, normal_traces)
        for share, finding in _changes(context[2], outcomes, usual, news_of, losses):
            missing = surprise(
                traces * (1 - finding.expected_now / finding.now),
                traces,
                normal_traces * (1 - finding.expected_normal / finding.normal),
                normal_traces,
            )
            weight = lower_bound(share, traces, normal_traces) * samples
            weight *= significance(missing)
            if weight <= 0:
                continue
            change = (finding.here, finding.expected, finding.instead)
            if change not in best or best[change][0] < weight:
                turn = _turn(service_of(context[0]), finding, outcomes, regularity)
                best[change] = (weight, finding, accused_of(turn, named.get(finding.instead)))
    levels = levels_of(
        [
            *((weight, [role for role, _ in accused]) for weight, _, accused in best.values()),
            *((0.0, call_roles(*call)) for call in calls),
        ]
    )
    return [
        Piece(weight, likely(accused, levels), finding)
        for weight, finding, accused in best.values()
    ]


def _calls(
    context: Context, usual: Mapping[str, int], regularity: Regularity
) -> Iterator[tuple[str, str]]:
    """The calls that are regular in a context: caller and callee."""
    service = service_of(context[2])
    for expected, count in usual.items():
        waited = service_of(expected)
        if (
            2 * count > sum(usual.values())
            and waited not in ("", service)
            and regularity.is_entry(expected)
        ):
            yield service, waited


def _changes(
    here: str,
    outcomes: Outcomes,
    usual: Mapping[str, int],
    news_of: Callable[[str, float], float],
    losses: Losses,
) -> Iterator[tuple[float, Deviation]]:
    """What became rarer with what became more frequent, and the weight of each pair."""
    counts = outcomes.counts
    normal, now = sum(usual.values()), sum(counts.values())
    drops = {
        key: drop for key, n in usual.items() if (drop := n / normal - counts.get(key, 0) / now) > 0
    }
    rises = {
        key: rise for key, n in counts.items() if (rise := n / now - usual.get(key, 0) / normal) > 0
    }
    dropped = math.fsum(drops.values())
    for instead, rise in rises.items():
        news = news_of(instead, usual.get(instead, 0) / normal)
        if not news:
            continue
        for expected, drop in drops.items():
            left = max(0.0, rise - losses.explained(expected, instead, now))
            weight = drop * left / dropped * news * usual[expected] / normal
            if _severity(instead) < _severity(expected):
                weight *= _MILDER
            if weight:
                yield (
                    weight,
                    Deviation(
                        here=here,
                        expected=expected,
                        instead=instead,
                        expected_normal=usual[expected],
                        expected_now=counts.get(expected, 0.0),
                        instead_now=counts[instead],
                        normal=normal,
                        now=now,
                        log_ids=_log_ids(outcomes, instead),
                    ),
                )


def _turn(caller: str, finding: Deviation, outcomes: Outcomes, regularity: Regularity) -> Turn:
    """Describes the broken transition, by the majority of its examples."""
    examples = outcomes.examples.get(finding.instead, [])
    limit_ms = regularity.usual_ms(finding.here, finding.expected)
    most = len(examples) / 2
    return Turn(
        caller=caller,
        here=finding.here,
        expected=finding.expected,
        instead=finding.instead,
        expects_entry=finding.expected != END and regularity.is_entry(finding.expected),
        still_came=sum(one.own_next == finding.expected for one in examples) > most,
        in_time=sum(one.gap_ms <= limit_ms for one in examples) > most,
        opens=sum(one.opens for one in examples) > most,
        own=sum(one.own_next == finding.instead for one in examples) > most,
    )


def _severity(key: str) -> int:
    return _SEVERITY.get(level_of(key), 0) if key != END else 0


def _log_ids(outcomes: Outcomes, instead: str) -> tuple[str, ...]:
    examples = sorted(outcomes.examples.get(instead, ()))
    return tuple(one.log_id for one in examples[:_LOG_IDS])
