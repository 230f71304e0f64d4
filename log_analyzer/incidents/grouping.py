"""Decides which incident an episode belongs to. Pure.

Two episodes are linked when one cause explains both:

- they share traces, and they began within `TRACE_ONSET_MS` of each other, or the later one's
  service calls the earlier one's: it is where an older failure surfaces. So a gateway that has
  been failing for an hour for another reason does not tie a new cause to the old one.
- they are of one service, or of two of which one calls the other, and they began within
  `NEAR_ONSET_MS`. Some errors carry no trace, and a silent cause leaves several services failing.
- an episode returns to an incident when it is of that incident's own group and began soon after
  the incident's earlier episode ended. Groups that merely surfaced in it do not bring it back.

All times are event times. Incidents are the connected components of these links: links only
ever appear, so the order in which episodes and traces become known makes no difference to which
errors are together, only to which incident's id they keep: that of the one opened first.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Protocol
from uuid import UUID

from log_analyzer.episodes.episode import incident_id

NEAR_ONSET_MS: Final = 60_000
TRACE_ONSET_MS: Final = 300_000


class Calls(Protocol):
    """Which service calls which."""

    @property
    def calls(self) -> Collection[tuple[str, str]]:
        """Pairs of caller and callee."""


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One episode on the board. `placed_in` never changes; `incident_id` does by merging.

    `placed_at_revision` is the board's revision that placed it: the order of opening, on no clock.
    """

    episode_id: UUID
    incident_id: UUID
    placed_in: UUID
    placed_at_revision: int
    fingerprint: UUID
    service_name: str
    template: str
    opened_ms: int

    @property
    def founds(self) -> bool:
        """True for the episode that opened its incident."""
        return self.placed_in == incident_id(self.episode_id)


@dataclass(frozen=True, slots=True)
class Newcomer:
    """An episode to place. `returns_to` is the incident whose own group it continues, if any."""

    episode_id: UUID
    fingerprint: UUID
    service_name: str
    template: str
    opened_ms: int
    returns_to: UUID | None = None


@dataclass(frozen=True, slots=True)
class Board:
    """The rows as of a revision."""

    revision: int = 0
    rows: Mapping[UUID, BoardRow] = field(default_factory=dict)

    def incident_of(self, episode: UUID) -> UUID | None:
        """The incident that an episode belongs to now; None when it is not on the board."""
        row = self.rows.get(episode)
        return row.incident_id if row else None


@dataclass(frozen=True, slots=True)
class Links:
    """What is known to tie episodes: pairs that share traces (smaller id first), and calls."""

    shared_traces: Collection[tuple[UUID, UUID]]
    graph: Calls

    def between(self, one: BoardRow | Newcomer, other: BoardRow | Newcomer) -> bool:
        """True when one cause explains both."""
        earlier, later = (one, other) if one.opened_ms <= other.opened_ms else (other, one)
        gap_ms = later.opened_ms - earlier.opened_ms
        surfaces = (later.service_name, earlier.service_name) in self.graph.calls
        if pair(one.episode_id, other.episode_id) in self.shared_traces:
            return gap_ms <= TRACE_ONSET_MS or surfaces
        if gap_ms > NEAR_ONSET_MS:
            return False
        same = earlier.service_name == later.service_name
        calls = (earlier.service_name, later.service_name) in self.graph.calls
        return same or surfaces or calls


def pair(one: UUID, other: UUID) -> tuple[UUID, UUID]:
    """Two episodes in the order in which `Links` holds them."""
    return (one, other) if one.int <= other.int else (other, one)


def place(newcomers: Iterable[Newcomer], board: Board, links: Links) -> list[BoardRow]:
    """The rows that a new revision of the board adds or changes; none when nothing changes.

    Newcomers join the incidents that they are linked to, or open new ones together; incidents
    that turn out to be linked merge into the one opened first.
    """
    revision = board.revision + 1
    fresh = [_standing(one, board) for one in newcomers if one.episode_id not in board.rows]
    # In event time, so that the earliest of those that open an incident together names it.
    fresh.sort(key=lambda one: (one.opened_ms, one.episode_id))
    everybody: list[BoardRow | Newcomer] = [*board.rows.values(), *fresh]
    components = _Components(board.rows.values())
    for newcomer in fresh:
        components.add(newcomer)
    for one, other in _candidates(everybody, links):
        if links.between(one, other):
            components.join(one.episode_id, other.episode_id)
    placed: list[BoardRow] = []
    for members in components.sets(everybody):
        target = _target(members, board)
        for member in members:
            if isinstance(member, Newcomer):
                placed.append(_row(member, target, revision))
            elif member.incident_id != target:
                placed.append(replace(member, incident_id=target))
    return placed


def _standing(newcomer: Newcomer, board: Board) -> Newcomer:
    """The newcomer, returning to what its incident was merged into since it was looked up."""
    merged = {row.placed_in: row.incident_id for row in board.rows.values() if row.founds}
    target = newcomer.returns_to and merged.get(newcomer.returns_to, newcomer.returns_to)
    return replace(newcomer, returns_to=target)


def _row(newcomer: Newcomer, target: UUID, revision: int) -> BoardRow:
    return BoardRow(
        newcomer.episode_id,
        target,
        target,
        revision,
        newcomer.fingerprint,
        newcomer.service_name,
        newcomer.template,
        newcomer.opened_ms,
    )


def _target(members: Sequence[BoardRow | Newcomer], board: Board) -> UUID:
    """The incident of a component: the oldest on the board, the one returned to, or a new one."""
    known = [one for one in members if isinstance(one, BoardRow)]
    returned = [one.returns_to for one in members if isinstance(one, Newcomer) and one.returns_to]
    if returned:
        # It is older than all that its return has brought about.
        standing = {row.incident_id for row in board.rows.values()}
        return min(returned, key=lambda one: (one not in standing, one))
    if known:
        oldest = min(known, key=lambda row: (row.placed_at_revision, row.opened_ms, row.episode_id))
        return oldest.incident_id
    return incident_id(members[0].episode_id)


class _Components:
    """Disjoint sets of episodes; those of one incident are together from the start."""

    def __init__(self, rows: Iterable[BoardRow]) -> None:
        self._parent: dict[UUID, UUID] = {}
        for row in rows:
            self._parent[row.episode_id] = row.incident_id
            self._parent.setdefault(row.incident_id, row.incident_id)

    def add(self, newcomer: Newcomer) -> None:
        self._parent[newcomer.episode_id] = newcomer.episode_id
        if newcomer.returns_to is not None:
            self._parent.setdefault(newcomer.returns_to, newcomer.returns_to)
            self.join(newcomer.episode_id, newcomer.returns_to)

    def join(self, one: UUID, other: UUID) -> None:
        self._parent[self._root(one)] = self._root(other)

    def sets(self, everybody: Iterable[BoardRow | Newcomer]) -> list[list[BoardRow | Newcomer]]:
        found: dict[UUID, list[BoardRow | Newcomer]] = defaultdict(list)
        for one in everybody:
            found[self._root(one.episode_id)].append(one)
        return list(found.values())

    def _root(self, key: UUID) -> UUID:
        while self._parent[key] != key:
            self._parent[key] = self._parent[self._parent[key]]
            key = self._parent[key]
        return key


def _candidates(
    everybody: Sequence[BoardRow | Newcomer], links: Links
) -> Iterable[tuple[BoardRow | Newcomer, BoardRow | Newcomer]]:
    """Pairs that may be linked: those that share traces, and neighbours in time."""
    by_id = {one.episode_id: one for one in everybody}
    for first, second in links.shared_traces:
        if first in by_id and second in by_id:
            yield by_id[first], by_id[second]
    ordered = sorted(everybody, key=lambda one: one.opened_ms)
    for at, one in enumerate(ordered):
        for other in ordered[at + 1 :]:
            if other.opened_ms - one.opened_ms > NEAR_ONSET_MS:
                break
            yield one, other
