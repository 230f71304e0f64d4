"""Finds the path from a service to those that complain. Pure and deterministic."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

from firstcause.events.log_event import LogEvent
from firstcause.events.span import Span
from root_cause.causal_path.complaints import Complaints
from root_cause.causal_path.path import CausalPath, Hop
from root_cause.causal_path.request_tree import RequestTree, tree_of
from root_cause.causal_path.sights import Way, sight, sights, when_said
from root_cause.causal_path.ways import Calls, way_of
from root_cause.evidence.peer_names import PeerNames, head_of
from root_cause.normal.learned_counts import Normal
from root_cause.normal.learner import by_trace, spans_by_trace
from root_cause.ranking.ranker import Ranking

Services = tuple[str, ...]


def causal_path(
    events: Iterable[LogEvent],
    spans: Iterable[Span],
    normal: Normal,
    culprit: str,
    since_ms: int,
) -> CausalPath:
    """The path that most failed requests took, from a service to the last one that complains.

    If requests cannot be followed, or no failed request reached the service, the path follows
    names: the complaints that name the service, those that name its complainants, and so on.

    Events and spans are those of the window, in any order; spans may be none. Errors that are
    usual in `normal` do not count. The path begins at `culprit`, and covers the requests since
    `since_ms` (event time).
    """
    traces, untraced = by_trace(events)
    spans_of = spans_by_trace(spans)
    known = Complaints(normal, traces, since_ms)
    names = {event.service_name for found in (untraced, *traces.values()) for event in found}
    names |= {span.service_name for found in spans_of.values() for span in found}
    peers = PeerNames(names | {culprit})
    trees = [
        tree_of(trace_id, traces.get(trace_id, ()), spans_of.get(trace_id, ()), known.complains)
        for trace_id in sorted(traces.keys() | spans_of.keys())
    ]
    calls = Calls(trees)
    callers = calls.callers_of(culprit, normal)
    ways = [
        way
        for tree in trees
        if tree.at_ms >= since_ms
        and (way := way_of(tree, culprit, calls, peers, callers)) is not None
    ]
    told = Counter(_services(way, culprit) for way in ways)
    if told:
        services = min(told, key=lambda one: (-told[one], -len(one), one))
        chosen = [way for way in ways if _services(way, culprit) == services]
        hops = _hops(services, chosen, trees, since_ms)
        return CausalPath(services, hops, told[services], told.total())
    complaints = [
        event
        for found in (untraced, *traces.values())
        for event in found
        if event.timestamp_ms >= since_ms and known.complains(event)
    ]
    return _by_names(culprit, complaints, peers)


def path_of(
    ranking: Ranking, events: Iterable[LogEvent], spans: Iterable[Span], normal: Normal | None
) -> CausalPath | None:
    """The path from the first suspect of a window's ranking; None where nobody is suspected.

    Without a normal every error counts.
    """
    if not ranking.suspects:
        return None
    first = ranking.suspects[0]
    return causal_path(events, spans, normal or Normal(), first.service_name, first.since_ms)


def _services(way: Way, culprit: str) -> Services:
    names = tuple(visit.service_name for visit in way.visits)
    return (culprit, *names) if way.missing else names


def _hops(
    services: Services, ways: Sequence[Way], trees: Sequence[RequestTree], since_ms: int
) -> tuple[Hop, ...]:
    found = []
    for place, (origin, to) in enumerate(pairwise(services)):
        before, after = sights(place, ways)
        is_reached = place > 0 or not ways[0].missing
        hop = Hop(origin, to, before, after, is_reached=is_reached)
        found.append(_counted(hop, trees, since_ms))
    return tuple(found)


def _counted(hop: Hop, trees: Sequence[RequestTree], since_ms: int) -> Hop:
    """The hop with its figures: requests of `to` with and without `origin`, or before."""
    counts = {True: [0, 0], False: [0, 0]}
    for tree in trees:
        callers = [visit for visit in tree.visits.values() if visit.service_name == hop.to]
        if not callers:
            continue
        reached = not hop.is_reached or any(
            hop.to in {one.service_name for one in tree.way_up(visit)}
            for visit in tree.visits.values()
            if visit.service_name == hop.origin
        )
        count = counts[reached and tree.at_ms >= since_ms]
        count[0] += any(visit.complaints for visit in callers)
        count[1] += 1
    (failed, calls), (failed_otherwise, calls_otherwise) = counts[True], counts[False]
    return replace(
        hop,
        failed=failed,
        calls=calls,
        failed_otherwise=failed_otherwise,
        calls_otherwise=calls_otherwise,
    )


def _by_names(culprit: str, complaints: Sequence[LogEvent], peers: PeerNames) -> CausalPath:
    """From complaint to complaint: who names the culprit, who names that one, and so on."""
    naming: dict[str, dict[str, list[LogEvent]]] = defaultdict(lambda: defaultdict(list))
    said: dict[str, list[LogEvent]] = defaultdict(list)
    for event in sorted(complaints, key=when_said):
        said[event.service_name].append(event)
        for name in peers.named(head_of(event)) - {event.service_name}:
            naming[name][event.service_name].append(event)
    services, hops = [culprit], []
    while naming[services[-1]].keys() - set(services):
        origin = services[-1]
        told = {name: lines for name, lines in naming[origin].items() if name not in services}
        to = min(told, key=lambda name: (-len(told[name]), when_said(told[name][0])))
        after = told[to][-1]
        earlier = [one for one in said[origin] if one.timestamp_ms <= after.timestamp_ms]
        before = sight(earlier[-1]) if earlier else None
        hops.append(Hop(origin, to, before, sight(after) if before else None))
        services.append(to)
    return CausalPath(tuple(services), tuple(hops))
