"""Disjoint sets of episodes. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Protocol, TypeVar
from uuid import UUID


class _Keyed(Protocol):
    @property
    def episode_id(self) -> UUID:
        """Its identity."""


Member = TypeVar("Member", bound=_Keyed)


class Components:
    """Episodes and incidents that belong together. What is added is alone at first."""

    def __init__(self) -> None:
        self._parent: dict[UUID, UUID] = {}
        self._apart: set[tuple[UUID, UUID]] = set()

    def add(self, key: UUID, belongs_to: UUID | None = None) -> None:
        """Adds an episode, alone or with the incident that it belongs to."""
        self._parent.setdefault(key, key)
        if belongs_to is not None:
            self._parent.setdefault(belongs_to, belongs_to)
            self.join(key, belongs_to)

    def keep_apart(self, one: UUID, other: UUID) -> None:
        """From now on the sets of both are never joined; nothing if they are one already."""
        for key in (one, other):
            self._parent.setdefault(key, key)
        if not self.are_one(one, other):
            self._apart.add((one, other))

    def join(self, one: UUID, other: UUID) -> None:
        """Makes one set of the sets of both, unless they are kept apart."""
        roots = self._root(one), self._root(other)
        if any((self._root(a), self._root(b)) in (roots, roots[::-1]) for a, b in self._apart):
            return
        self._parent[roots[0]] = roots[1]

    def are_one(self, one: UUID, other: UUID) -> bool:
        """True when both are in one set."""
        return self._root(one) == self._root(other)

    def sets(self, everybody: Iterable[Member]) -> list[list[Member]]:
        """Some episodes by the set that they are in, in their order."""
        found: dict[UUID, list[Member]] = defaultdict(list)
        for one in everybody:
            found[self._root(one.episode_id)].append(one)
        return list(found.values())

    def _root(self, key: UUID) -> UUID:
        while self._parent[key] != key:
            self._parent[key] = self._parent[self._parent[key]]
            key = self._parent[key]
        return key
