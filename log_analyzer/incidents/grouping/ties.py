"""Finds the ties between episodes of one cause: traces, names, calls, common beginnings. Pure.

Some ties are between equals. In others one episode surfaces from another: it is a consequence.

- **Trace**: the failing episodes of a trace surface from its leaves (`trace_votes`).
- **Call**: a caller surfaces from a callee if both began to fail within `NEAR_ONSET_MS`, and one of
  them has no traces.
- **Name**: episodes are equals if their errors name the same service or resource, if their traces
  blame the same service, or if one names the service of the other, whose own fault it is
  (`name_ties`).
- **Words**: episodes are equals if several services say the same together, or if one service says
  the same of itself or of several others (`same_words`).
- **Service**: episodes of one service are equals if they begin at once. Near each other is enough
  if the same episode surfaces from both, or if others surface from one and the other has no traces.
  Not if their traces blame different services (`common_beginning`).
- **Alert**: an alert belongs to one episode of its service (`alert_owner`); it has no other tie.

An episode surfaces from one origin only: a gateway that two faults reach stays with its first one
and does not tie them. All times are event times.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple
from uuid import UUID

from log_analyzer.episodes.trace_links import TracePattern
from log_analyzer.incidents.grouping.alert_owner import owners_of_alerts
from log_analyzer.incidents.grouping.blame import Blame
from log_analyzer.incidents.grouping.common_beginning import (
    AT_ONCE_MS,
    NEAR_ONSET_MS,
    begun_together,
)
from log_analyzer.incidents.grouping.name_ties import NameTies
from log_analyzer.incidents.grouping.same_words import ties_of_words
from log_analyzer.incidents.grouping.trace_votes import (
    Failing,
    Surroundings,
    in_order,
    votes_of,
)

# Of an episode's traces, the least share of those of its most frequent origin that counts.
ORIGIN_SHARE: Final = 0.2


class Origin(NamedTuple):
    """An episode that another one surfaces from, and how many traces say so; 0: a call does."""

    episode_id: UUID
    traces: int


@dataclass(frozen=True, slots=True)
class Links:
    """What is known to tie episodes: patterns of traces with their counts, calls, all services."""

    patterns: Mapping[TracePattern, int] = field(default_factory=dict)
    calls: Collection[tuple[str, str]] = ()
    services: Collection[str] = ()


class Ties:
    """The ties between some episodes. Its cost grows with their number, not with its square."""

    def __init__(self, episodes: Sequence[Failing], links: Links) -> None:
        self._episodes = sorted(episodes, key=in_order)
        self._by_id = {one.episode_id: one for one in self._episodes}
        self._by_service: dict[str, list[Failing]] = defaultdict(list)
        for one in self._episodes:
            self._by_service[one.service_name].append(one)
        self._owner_of_alert = owners_of_alerts(self._by_service)
        self._around = Surroundings((*self._by_service, *links.services), links.calls)
        self._votes = votes_of(self._by_id, links.patterns, self._around)
        self._blame = Blame(self._by_id, self._votes, self._around)
        self._named = NameTies(self._by_service, self._votes, self._blame)

    def origins(self) -> Iterator[tuple[UUID, list[Origin]]]:
        """Episodes that surface from others, the earliest first, each with its likely origins."""
        for one in self._episodes:
            found = self._of_traces(one) or self._of_calls(one)
            if found:
                yield one.episode_id, found

    def equals(self) -> Iterator[tuple[UUID, UUID]]:
        """Pairs that one cause explains, neither of them above the other."""
        roots = [
            one
            for one in self._episodes
            if self._votes.is_root(one.episode_id) and one.episode_id not in self._owner_of_alert
        ]
        yield from self._named.ties(roots)
        yield from ties_of_words(roots, self._blame)
        yield from self._of_services(roots)
        yield from self._of_alerts()

    def traces_from(self, part: Iterable[Failing]) -> int:
        """How many traces have their origin in some episodes."""
        keys = [one.episode_id for one in part]
        return sum(self._votes.origins.get(key, Counter())[key] for key in keys)

    def traces_shared(self, part: Iterable[Failing], other: Collection[Failing]) -> int:
        """How many times an episode of one part surfaces from an episode of the other."""
        keys = {one.episode_id for one in other}
        own = {one.episode_id for one in part}
        return sum(
            count
            for here, there in ((own, keys), (keys, own))
            for one in here
            for key, count in self._votes.origins.get(one, Counter()).items()
            if key in there
        )

    def _of_traces(self, one: Failing) -> list[Origin]:
        if not self._votes.surfaces(one.episode_id):
            return []
        votes = self._votes.origins[one.episode_id]
        found = [Origin(key, count) for key, count in votes.items() if key != one.episode_id]
        found.sort(key=lambda each: (-each.traces, self._by_id[each.episode_id].opened_ms))
        return found

    def _of_calls(self, one: Failing) -> list[Origin]:
        """The callees that began to fail near it, the nearest first."""
        if one.episode_id in self._owner_of_alert:
            return []
        near: list[tuple[int, Failing]] = []
        for callee in self._around.callees.get(one.service_name, ()):
            for other in self._nearest(self._by_service.get(callee, ()), one.opened_ms):
                gap_ms = abs(other.opened_ms - one.opened_ms)
                both_traced = self._has_traces(one) and self._has_traces(other)
                mutual = self._calls(other, one) and other.opened_ms > one.opened_ms
                owned = other.episode_id in self._owner_of_alert
                if gap_ms <= NEAR_ONSET_MS and not (both_traced or mutual or owned):
                    near.append((gap_ms, other))
        near.sort(key=lambda item: (item[0], in_order(item[1])))
        return [Origin(other.episode_id, 0) for _, other in near]

    @staticmethod
    def _nearest(episodes: Sequence[Failing], moment_ms: int) -> Sequence[Failing]:
        at = bisect_left(episodes, moment_ms, key=lambda each: each.opened_ms)
        return episodes[max(0, at - 1) : at + 1]

    def _of_alerts(self) -> Iterator[tuple[UUID, UUID]]:
        for one in self._episodes:
            owner = self._owner_of_alert.get(one.episode_id)
            if owner is not None:
                yield owner.episode_id, one.episode_id

    def _calls(self, caller: Failing, callee: Failing) -> bool:
        return (caller.service_name, callee.service_name) in self._around.calls

    def _has_traces(self, one: Failing) -> bool:
        return one.episode_id in self._votes.origins

    def _of_services(self, roots: Sequence[Failing]) -> Iterator[tuple[UUID, UUID]]:
        found: dict[tuple[str, UUID | None], list[Failing]] = defaultdict(list)
        above: dict[UUID, set[UUID]] = defaultdict(set)
        for key, votes in self._votes.origins.items():
            for root in votes:
                if root != key:
                    above[root].add(key)
        for one in roots:
            if not self._has_traces(one):
                # Others fail for this service: what it says beside its requests belongs to that,
                # unless it fails for yet another service.
                near = self._nearest(
                    [
                        other
                        for other in self._by_service[one.service_name]
                        if other.episode_id in self._votes.spread
                        and above.get(other.episode_id)
                        and not self._blame.is_of_another(other)
                    ],
                    one.opened_ms,
                )
                yield from (
                    (other.episode_id, one.episode_id)
                    for other in near
                    if abs(other.opened_ms - one.opened_ms) <= NEAR_ONSET_MS
                )
            found[one.service_name, None].append(one)
            for key in above.get(one.episode_id, ()):
                found[one.service_name, key].append(one)
        for (_, surface), episodes in found.items():
            window_ms = AT_ONCE_MS if surface is None else NEAR_ONSET_MS
            yield from begun_together(episodes, window_ms, self._blame)
