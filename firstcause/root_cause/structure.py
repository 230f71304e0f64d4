"""Structural evidence: what no longer follows what. Pure."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from firstcause.root_cause.event_key import END, is_error_key, kind_of, level_of, service_of
from firstcause.root_cause.evidence import Deviation, Piece, lower_bound, sample_weight
from firstcause.root_cause.normal import Normal
from firstcause.root_cause.steps import Context

# A context that normal knows from fewer traces says nothing about what is regular in it.
_LEAST_NORMAL_TRACES: Final = 5
_LEAST_TRACES: Final = 2
# A successor that normal has seen in a quarter of the cases is no news at all.
_NEWS_ENDS_AT: Final = 0.25
# An outcome less severe than the expected one is rarely what went wrong.
_MILDER: Final = 0.3
_SEVERITY: Final = {"WARN": 1, "ERROR": 2, "FATAL": 2}
_LOG_IDS: Final = 3


@dataclass(slots=True)
class Outcomes:
    """What came in one context: counts by successor, the traces, and examples of each."""

    counts: dict[str, int] = field(default_factory=dict)
    traces: set[str] = field(default_factory=set)
    examples: dict[str, list[tuple[int, str]]] = field(default_factory=dict)


class Regularity:
    """The normal as the structure needs it: ambient errors by kind, and entries of spans."""

    def __init__(self, normal: Normal) -> None:
        self._normal = normal
        self._ambient: dict[str, int] = {}
        for part in normal.services.values():
            for key, traces in part.error_traces.items():
                kind = kind_of(key)
                self._ambient[kind] = self._ambient.get(kind, 0) + traces

    def ambient_share(self, error: str) -> float:
        """In which share of all normal traces errors of this kind came, of whatever service."""
        return min(1.0, self._ambient.get(kind_of(error), 0) / max(1, self._normal.traces))

    def is_entry(self, key: str) -> bool:
        """True when the event is mostly the first of a span: a call leads to it."""
        part = self._normal.services.get(service_of(key))
        return part is not None and 2 * part.entries[key] > part.events[key]

    def outcomes(self, context: Context) -> tuple[Mapping[str, int], int]:
        """What came in a context, and in how many traces."""
        part = self._normal.services.get(service_of(context[2]))
        if part is None:
            return {}, 0
        return part.successors.get(context, {}), part.context_traces[context]


def structural_evidence(
    observed: Mapping[Context, Outcomes],
    error_shares: Mapping[str, float],
    regularity: Regularity,
    services: Collection[str],
) -> list[Piece]:
    """Where something else follows than usual, the strongest finding for each such change.

    Args:
        observed: what came in each context of the window.
        error_shares: in which share of the window's traces errors of a kind came.
        regularity: what is normal.
        services: all names that are known, to find those that errors name.
    """
    best: dict[tuple[str, str, str], Piece] = {}
    for context, outcomes in observed.items():
        for piece in _of_context(context, outcomes, error_shares, regularity, services):
            finding = piece.finding
            assert isinstance(finding, Deviation)  # noqa: S101
            change = (finding.here, finding.expected, finding.instead)
            if change not in best or best[change].weight < piece.weight:
                best[change] = piece
    return list(best.values())


def _of_context(
    context: Context,
    outcomes: Outcomes,
    error_shares: Mapping[str, float],
    regularity: Regularity,
    services: Collection[str],
) -> Iterator[Piece]:
    usual, normal_traces = regularity.outcomes(context)
    traces = len(outcomes.traces)
    if normal_traces < _LEAST_NORMAL_TRACES or traces < _LEAST_TRACES:
        return
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
        news = 1 - min(1.0, usual.get(instead, 0) / normal / _NEWS_ENDS_AT)
        if instead and is_error_key(instead):
            share = error_shares.get(kind_of(instead), 0.0)
            news *= max(0.0, 1 - regularity.ambient_share(instead) / share) if share else 1.0
        if not news:
            continue
        for expected, drop in drops.items():
            weight = drop * rise / dropped * news * usual[expected] / normal
            if _severity(instead) < _severity(expected):
                weight *= _MILDER
            weight = lower_bound(weight, traces, normal_traces) if weight else 0.0
            if weight > 0:
                yield Piece(
                    weight * sample_weight(traces, normal_traces),
                    _blame(context[2], expected, instead, regularity, services),
                    Deviation(
                        here=context[2],
                        expected=expected,
                        instead=instead,
                        expected_normal=usual[expected],
                        expected_now=counts.get(expected, 0),
                        instead_now=counts[instead],
                        normal=normal,
                        now=now,
                        log_ids=_log_ids(outcomes, instead),
                    ),
                )


def _blame(
    here: str, expected: str, instead: str, regularity: Regularity, services: Collection[str]
) -> dict[str, float]:
    """Whom a change of turns speaks of, each with a likelihood; together 1."""
    service, waited, came = service_of(here), service_of(expected), service_of(instead)
    failed = instead != END and is_error_key(instead)
    named = _named_in(instead, services) if failed else None
    if named is not None:
        return {named: 1.0}
    if expected == END:
        return _halves(service, came)
    if waited == service:
        return {service: 1.0}
    if regularity.is_entry(expected):
        # A call that was not answered: if its caller goes on as if nothing was, it was made.
        return {waited: 1.0} if came == service and not failed else _halves(service, waited)
    if instead == END:
        return _halves(service, waited)
    # It should have gone on in its caller: what came instead did so in its turn.
    return {came: 0.8, service: 0.2} if came != service else {service: 1.0}


def _halves(one: str, other: str) -> dict[str, float]:
    return {one: 0.5, other: 0.5} if one != other else {one: 1.0}


def _named_in(error: str, services: Collection[str]) -> str | None:
    """The one other service that an error's text names; None for none and for several."""
    own = service_of(error)
    text = kind_of(error)
    found = [name for name in services if name != own and name in text and _is_word(name, text)]
    return found[0] if len(found) == 1 else None


def _is_word(name: str, text: str) -> bool:
    begin = text.find(name)
    around = text[max(0, begin - 1) : begin] + text[begin + len(name) : begin + len(name) + 1]
    return not any(sign.isalnum() or sign in "-_" for sign in around)


def _severity(key: str) -> int:
    return _SEVERITY.get(level_of(key), 0) if key != END else 0


def _log_ids(outcomes: Outcomes, instead: str) -> tuple[str, ...]:
    examples = sorted(outcomes.examples.get(instead, ()))
    return tuple(log_id for _, log_id in examples[:_LOG_IDS])
