"""Finds where the failures of traces begin, and which episodes surface from there. Pure.

A trace contains errors of several episodes. Its leaves are the episodes that no other explains:

- episodes that name a callee, if neither that one nor any that it calls logs an error in the
  trace: the callee fell silent;
- the episode of the service that the trace's stored logs complain of;
- the deepest ones, if the spans of the errors form a tree;
- without any of these, the first one that neither calls nor names another of them.

Every other episode surfaces from one leaf: the leaf of the service that it names, else one that
it calls, else the first to fail.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import UUID

from log_analyzer.episodes.trace_links import TracePattern

TRACE_ONSET_MS: Final = 300_000
_STEPS: Final = 20


class Failing(Protocol):
    """What ties need to know of an episode."""

    @property
    def episode_id(self) -> UUID:
        """Its identity."""

    @property
    def service_name(self) -> str:
        """The service that logs its errors."""

    @property
    def template(self) -> str:
        """What these errors say."""

    @property
    def opened_ms(self) -> int:
        """When it began (event time)."""

    @property
    def names(self) -> Collection[str]:
        """The services, hosts and resources that its errors name."""


def in_order(one: Failing) -> tuple[int, UUID]:
    """The key that orders episodes by their beginning."""
    return one.opened_ms, one.episode_id


class Surroundings:
    """The services that are known, and which of them call which."""

    def __init__(self, services: Iterable[str], calls: Iterable[tuple[str, str]]) -> None:
        self.calls: Final = frozenset(calls)
        self.callees: Final[dict[str, set[str]]] = defaultdict(set)
        for caller, callee in self.calls:
            self.callees[caller].add(callee)
        self.services: Final = {name for call in self.calls for name in call}.union(services)
        self._reached: dict[str, set[str]] = {}

    def named_by(self, one: Failing) -> set[str]:
        """The services that an episode's errors complain of: others that do not call it."""
        return {
            name
            for name in one.names
            if name in self.services
            and name != one.service_name
            and (name, one.service_name) not in self.calls
        }

    def is_above(self, name: str, service: str) -> bool:
        """True for a service that calls another one, directly or through others, but not back."""
        return service in self.reach(name) and name not in self.reach(service)

    def reach(self, service: str) -> set[str]:
        """The services that it calls, directly or through others."""
        known = self._reached.get(service)
        if known is None:
            known, waiting = set(), [service]
            while waiting:
                new = self.callees.get(waiting.pop(), set()) - known
                known |= new
                waiting += new
            self._reached[service] = known
        return known


@dataclass(slots=True)
class TraceVotes:
    """Counts over the traces of some episodes.

    Attributes:
        origins: by episode, the number of traces by the leaf that it surfaces from; under its own
            id, the number of traces in which it is a leaf.
        complaints: by episode, the services that the traces complain of in which it is a leaf.
        spread: episodes in whose traces another service fails too.
    """

    origins: dict[UUID, Counter[UUID]] = field(default_factory=lambda: defaultdict(Counter))
    complaints: dict[UUID, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    spread: set[UUID] = field(default_factory=set)

    def is_root(self, episode: UUID) -> bool:
        """True if it is a leaf as often as it surfaces from any other, or has no traces."""
        votes = self.origins.get(episode)
        return not votes or votes[episode] >= max(votes.values())

    def surfaces(self, episode: UUID) -> bool:
        """True when it surfaces from another at least as often as it is a leaf."""
        votes = self.origins.get(episode, Counter())
        return any(count >= votes[episode] for key, count in votes.items() if key != episode)


def votes_of(
    by_id: Mapping[UUID, Failing], patterns: Mapping[TracePattern, int], around: Surroundings
) -> TraceVotes:
    """Counts what traces say of the episodes that are known."""
    votes = TraceVotes()
    named = {key: around.named_by(one) for key, one in by_id.items()}
    for pattern, count in patterns.items():
        known = [by_id[key] for key in pattern.episodes if key in by_id]
        if known:
            _Trace(known, pattern, named, around).count(votes, count)
    return votes


class _Trace:
    """The traces of one pattern."""

    def __init__(
        self,
        known: Sequence[Failing],
        pattern: TracePattern,
        named: Mapping[UUID, set[str]],
        around: Surroundings,
    ) -> None:
        self._known = sorted(
            known, key=lambda one: (one.episode_id != pattern.first, one.opened_ms, one.episode_id)
        )
        self._pattern = pattern
        self._named = named
        self._around = around
        self._services = {one.service_name for one in known}
        self._leaves = {one.episode_id: one for one in self._found_leaves()}
        self._leaf_of: dict[str, Failing] = {}
        for one in self._leaves.values():
            self._leaf_of.setdefault(one.service_name, one)

    def count(self, votes: TraceVotes, count: int) -> None:
        for one in self._known:
            key = one.episode_id
            if len(self._services) > 1:
                votes.spread.add(key)
            root = one if key in self._leaves else self._root_of(one)
            if root is one and self._pattern.blamed is not None:
                votes.complaints[key][self._pattern.blamed] += count
            if root is one or self._in_time(one, root):
                votes.origins[key][root.episode_id] += count

    def _found_leaves(self) -> list[Failing]:
        if len(self._known) == 1:
            return self._known
        found = [one for one in self._known if self._names_whom_nobody_below_explains(one)]
        complained_of = [one for one in self._known if one.service_name == self._pattern.blamed]
        found += complained_of[:1]
        if self._pattern.is_tree:
            found += [one for one in self._unexplained() if one.episode_id in self._pattern.deepest]
        return found or (self._unexplained() or self._known)[:1]

    def _names_whom_nobody_below_explains(self, one: Failing) -> bool:
        """True if it names services that log no error in the trace, nor does any that they call."""
        named = self._named[one.episode_id]
        below = named.union(*map(self._around.reach, named)) - {one.service_name}
        return bool(named) and not below & self._services

    def _unexplained(self) -> list[Failing]:
        """The episodes that neither call nor name another of them."""
        if len(self._services) == 1:
            return self._known
        return [one for one in self._known if not self._is_above_another(one)]

    def _is_above_another(self, one: Failing) -> bool:
        if self._named[one.episode_id] & self._services:
            return True
        below = self._around.reach(one.service_name)
        return any(name in self._services and name != one.service_name for name in below)

    def _root_of(self, one: Failing) -> Failing:
        at = one
        for _ in range(_STEPS):
            named = self._named[at.episode_id] & self._services
            if not named:
                break
            leaf = next((self._leaf_of[name] for name in named if name in self._leaf_of), None)
            if leaf is not None:
                return leaf
            following = next((other for other in self._known if other.service_name in named), None)
            if following is None or following is one:
                break
            at = following
        below = self._around.reach(one.service_name)
        leaves = list(self._leaves.values())
        return next((leaf for leaf in leaves if leaf.service_name in below), leaves[0])

    def _in_time(self, one: Failing, root: Failing) -> bool:
        if abs(one.opened_ms - root.opened_ms) <= TRACE_ONSET_MS:
            return True
        # An older failure that surfaces in one more place; never the other way round.
        calls = (one.service_name, root.service_name) in self._around.calls
        return calls and one.opened_ms > root.opened_ms
