"""Finds the path from the culprit up to the last complaint in one request. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from root_cause.causal_path.request_tree import RequestTree, Visit
from root_cause.causal_path.sights import Way
from root_cause.evidence.peer_names import PeerNames, head_of
from root_cause.normal.learned_counts import Normal
from root_cause.traces.event_key import service_of


class Calls:
    """The calls between services, over all requests of a window."""

    def __init__(self, trees: Iterable[RequestTree]) -> None:
        self._counts: Counter[tuple[str, str]] = Counter()
        for tree in trees:
            for visit in tree.visits.values():
                above = tree.visits.get(visit.parent or "")
                if above is not None and above.service_name != visit.service_name:
                    self._counts[above.service_name, visit.service_name] += 1

    def are_usual(self, caller: str, callee: str) -> bool:
        """False if the callee calls the caller more often: then this call was misread."""
        return self._counts[caller, callee] >= self._counts[callee, caller]

    def callers_of(self, service_name: str, normal: Normal) -> set[str]:
        """The services that call a service, now or in normal."""
        found = {caller for caller, callee in self._counts if callee == service_name}
        part = normal.services.get(service_name)
        if part is not None:
            found |= {service_of(caller) for caller, _, _ in part.successors if caller}
        return {caller for caller in found - {service_name} if self.are_usual(caller, service_name)}


def way_of(
    tree: RequestTree, culprit: str, calls: Calls, peers: PeerNames, callers: Iterable[str]
) -> Way | None:
    """The request's longest way from the culprit up to the last that complains; None if none does.

    Where the culprit left nothing in the request, the way begins with who complains of it by name,
    else with a usual caller of it that complains, and below which nobody else does.
    """
    if not any(visit.complaints for visit in tree.visits.values()):
        return None
    own = [
        way
        for visit in tree.visits.values()
        if visit.service_name == culprit and (way := _up(tree, visit, calls))
    ]
    if own:
        return Way(max(own, key=len), missing=False)
    if any(visit.service_name == culprit for visit in tree.visits.values()):
        return None
    failing = [visit for visit in tree.visits.values() if visit.complaints]
    naming = [
        visit
        for visit in failing
        if any(culprit in peers.named(head_of(one)) for one in visit.complaints)
    ]
    for visit in naming or _deepest(tree, failing, set(callers)):
        return Way(_up(tree, visit, calls), missing=True)
    return None


def _up(tree: RequestTree, visit: Visit, calls: Calls) -> tuple[Visit, ...]:
    """The way up to its last visit that complains, each service once."""
    way: list[Visit] = []
    for above in tree.way_up(visit):
        names = {one.service_name for one in way}
        if above.service_name in names or (
            way and not calls.are_usual(above.service_name, way[-1].service_name)
        ):
            break
        way.append(above)
    last = max((index for index, one in enumerate(way) if one.complaints), default=-1)
    return tuple(way[: last + 1])


def _deepest(tree: RequestTree, failing: Sequence[Visit], callers: set[str]) -> list[Visit]:
    """Of the callers that complain those below which nobody complains."""
    above = {one.id for visit in failing for one in tree.way_up(visit)[1:]}
    return [visit for visit in failing if visit.service_name in callers and visit.id not in above]
