"""Attributes each complaint to services: named ones, waited-for ones, or the complaining one. Pure.

Complaints form chains: a blamed service may itself complain of another one. So blame is passed on
until it comes to rest (an absorbing random walk over the services).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from firstcause.events.log_event import ERROR_LEVELS, LogEvent
from root_cause.evidence.attribution import Levels, call_roles, levels_of, spread
from root_cause.evidence.complaints import PEER_WEIGHT, Complaint
from root_cause.traces.steps import Role

Blame = Mapping[str, float]
Traces = Mapping[str, Sequence[LogEvent]]

# How much of a complaint goes to the peer that it names; the rest stays with who complains, as with
# an error of structure that names one (attribution.py): three to one.
_NAMED: Final = 0.75
# To one that it does not name, but that it waited for: less, for it is not certain who that was.
_WAITED_FOR: Final = 0.6
# To one that is named, or failed deeper, if the line does not report a peer's answer.
_MENTIONED: Final = 0.5
# A fainter complaint is no reason to take a request for failed.
_FAILS: Final = 0.1
# Of a complaint's lines that many are looked at.
_LOOKED_AT: Final = 50
# What a service keeps of the blame by doubt alone, in complaints of full weight.
_DOUBT: Final = 0.5
_WALK: Final = 12
# Stands for a peer that nothing tells of.
_NOBODY: Final = ""


def blames_of(
    complaints: Sequence[Complaint], weights: Sequence[float], traces: Traces
) -> list[Blame]:
    """The services that each complaint blames, in shares that sum to at most one.

    The missing share belongs to a peer that gave no answer, that the complaint does not name, and
    that logged nothing: it is unknown which service that is.

    Args:
        complaints: of a window.
        weights: how much each says, 0 to 1.
        traces: the window's events by trace, each in order of time.
    """
    failing = _failing(complaints, weights)
    calls = {call for trace in traces.values() for call in _calls(trace)}
    leaves = _leaves(traces, {caller for caller, _ in calls})
    first = [_blame(one, failing, traces, leaves) for one in complaints]
    levels = _levels(complaints, weights, first, calls)
    spread_out = [
        blame if one.is_own else _spread(one.service_name, blame, levels)
        for one, blame in zip(complaints, first, strict=True)
    ]
    rest = _where_it_rests(complaints, weights, spread_out)
    return [
        _passed_on(one.service_name, blame, rest)
        for one, blame in zip(complaints, spread_out, strict=True)
    ]


def _failing(
    complaints: Iterable[Complaint], weights: Iterable[float]
) -> dict[str, dict[str, int]]:
    """By trace, when each service first complained in it (event time)."""
    failing: dict[str, dict[str, int]] = defaultdict(dict)
    for one, weight in zip(complaints, weights, strict=True):
        if weight > _FAILS and one.weight >= PEER_WEIGHT:
            for event in one.events:
                if event.trace_id:
                    known = failing[event.trace_id]
                    at_ms = known.get(one.service_name, event.timestamp_ms)
                    known[one.service_name] = min(at_ms, event.timestamp_ms)
    return failing


def _blame(
    one: Complaint,
    failing: Mapping[str, Mapping[str, int]],
    traces: Traces,
    leaves: Collection[str],
) -> Blame:
    relays = one.not_reached or one.told
    blame: dict[str, float] = defaultdict(float)
    if one.is_own:
        return {one.service_name: 1.0}
    if one.named:
        total = one.named.total()
        given = _NAMED if relays else _MENTIONED
        for name, count in one.named.items():
            blame[name] = given * count / total
        blame[one.service_name] = 1 - given
        return blame
    looked_at = one.events[:_LOOKED_AT]
    unknown = 0.0
    # Who calls no other service means its database or the like; an address of nobody's is a
    # partner outside. What a service alone uses is its own.
    has_peers = not (one.service_name in leaves or one.outside or one.resource)
    part = (_WAITED_FOR if relays else _MENTIONED) / len(looked_at)
    for event in looked_at:
        before = failing.get(event.trace_id or "", {})
        deeper = [
            name
            for name, at_ms in before.items()
            if name != one.service_name and at_ms < event.timestamp_ms
        ]
        if deeper:
            blame[min(deeper, key=lambda name: (before[name], name))] += part
        elif relays:
            spoke = _spoke_meanwhile(traces.get(event.trace_id or "", ()), event)
            # A word of a peer says less than its lines in the request.
            meant = spoke or one.hinted
            for name in meant:
                blame[name] += part / len(meant)
            if not meant and has_peers:
                unknown += part
    blame[one.service_name] = 1 - unknown - math.fsum(blame.values())
    return blame


def _leaves(traces: Traces, callers: Collection[str]) -> set[str]:
    """The services that call no other, as far as requests can be followed through services."""
    followed: set[str] = set()
    for trace in traces.values():
        names = {event.service_name for event in trace}
        if len(names) > 1:
            followed |= names
    return followed.difference(callers)


def _spoke_meanwhile(trace: Sequence[LogEvent], complaint: LogEvent) -> list[str]:
    """The services that logged since the complaining service's last line: it waited for one."""
    spoke: dict[str, None] = {}
    for event in reversed(trace):
        if event.timestamp_ms > complaint.timestamp_ms or event is complaint:
            continue
        if event.service_name != complaint.service_name:
            spoke[event.service_name] = None
        elif event.level not in ERROR_LEVELS:
            break
    return list(spoke)


def _levels(
    complaints: Sequence[Complaint],
    weights: Sequence[float],
    blames: Sequence[Blame],
    calls: Iterable[tuple[str, str]],
) -> Levels:
    """How strongly each service fails with each partner; 0 for calls that work."""
    found: list[tuple[float, tuple[Role, ...]]] = [(0.0, call_roles(*call)) for call in calls]
    for one, weight, blame in zip(complaints, weights, blames, strict=True):
        for name, share in blame.items():
            if name != one.service_name:
                found.append((weight * share, call_roles(one.service_name, name)))
    return levels_of(found)


def _calls(trace: Sequence[LogEvent]) -> Iterator[tuple[str, str]]:
    """Pairs of caller and callee, from the order of the lines."""
    seen: set[str] = set()
    last = None
    for event in trace:
        name = event.service_name
        if name not in seen:
            seen.add(name)
            if last is not None:
                yield last, name
        last = name


def _spread(service: str, blame: Blame, levels: Levels) -> Blame:
    """Adjusts blame by the other partners of both sides: failing only one partner counts less."""
    given = {name: share for name, share in blame.items() if name != service}
    if not given:
        return blame
    found: dict[str, float] = {}
    caller = 0.0
    for name, share in given.items():
        one, other = call_roles(service, name)
        found[name] = share * spread(other, levels)
        caller += share * spread(one, levels)
    found[service] = blame.get(service, 0.0) * caller / math.fsum(given.values())
    known = math.fsum(blame.values()) / math.fsum(found.values())
    return {name: share * known for name, share in found.items()}


def _where_it_rests(
    complaints: Iterable[Complaint], weights: Iterable[float], blames: Iterable[Blame]
) -> dict[str, Blame]:
    """For each service that complains, where blame for it comes to rest."""
    passes: dict[str, dict[str, float]] = {}
    for one, weight, blame in zip(complaints, weights, blames, strict=True):
        if weight > 0:
            known = passes.setdefault(one.service_name, {one.service_name: _DOUBT})
            for name, share in blame.items():
                known[name] = known.get(name, 0.0) + weight * share
            known[_NOBODY] = known.get(_NOBODY, 0.0) + weight * (1 - math.fsum(blame.values()))
    steps = {
        name: {other: share / math.fsum(known.values()) for other, share in known.items()}
        for name, known in passes.items()
    }
    return {name: _walked(name, steps) for name in steps}


def _walked(name: str, steps: Mapping[str, Blame]) -> Blame:
    at: Blame = {name: 1.0}
    rest: dict[str, float] = defaultdict(float)
    for _ in range(_WALK):
        moved: dict[str, float] = defaultdict(float)
        for here, share in at.items():
            for other, part in steps.get(here, {here: 1.0}).items():
                (rest if other == here else moved)[other] += share * part
        at = moved
    for here, share in at.items():
        rest[here] += share
    return rest


def _passed_on(service: str, blame: Blame, rest: Mapping[str, Blame]) -> Blame:
    passed: dict[str, float] = defaultdict(float)
    for name, share in blame.items():
        for last, part in (
            rest.get(name, {name: 1.0}).items() if name != service else ((name, 1.0),)
        ):
            if last != _NOBODY:
                passed[last] += share * part
    return passed
