"""Decides which incident an episode belongs to. Pure.

The ties of `grouping.ties` define incidents. Equal episodes are one incident. An episode that
surfaces from others joins the most likely of them and stays there. Episodes that are together on
the board stay together, unless a person splits a service out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final
from uuid import UUID

from log_analyzer.episodes.episode import incident_id, split_incident_id
from log_analyzer.incidents.grouping.components import Components
from log_analyzer.incidents.grouping.ties import ORIGIN_SHARE, Links, Origin, Ties
from log_analyzer.incidents.grouping.trace_votes import in_order

# A place that an episode surfaced from once or twice is forgotten for one that it does from often.
FEW_TRACES: Final = 2
MANY_TRACES: Final = 10
# A transaction of so many rows is 50 KB.
PLACED_AT_ONCE: Final = 100


@dataclass(frozen=True, slots=True)
class BoardRow:
    """One episode on the board. `incident_id` changes by merging; `placed_in` by a split alone.

    Attributes:
        placed_at_revision: the board's revision that placed it: gives the order of opening.
        names: the services, hosts and resources that its first errors name.
        surfaces_from: the episode that it surfaces from, if known from traces.
        held_apart: its service was split out: no tie connects it to other episodes.
        split_from: the incident that it left when that was split.
    """

    episode_id: UUID
    incident_id: UUID
    placed_in: UUID
    placed_at_revision: int
    fingerprint: UUID
    service_name: str
    template: str
    opened_ms: int
    names: frozenset[str] = frozenset()
    surfaces_from: UUID | None = None
    held_apart: bool = False
    split_from: UUID | None = None

    @property
    def founds(self) -> bool:
        """True for the episode that opened its incident."""
        return self.placed_in in (incident_id(self.episode_id), split_incident_id(self.episode_id))


@dataclass(frozen=True, slots=True)
class Newcomer:
    """An episode to place. `returns_to` is the incident whose own group it continues, if any."""

    episode_id: UUID
    fingerprint: UUID
    service_name: str
    template: str
    opened_ms: int
    returns_to: UUID | None = None
    names: frozenset[str] = frozenset()


Member = BoardRow | Newcomer


@dataclass(frozen=True, slots=True)
class Board:
    """The rows as of a revision."""

    revision: int = 0
    rows: Mapping[UUID, BoardRow] = field(default_factory=dict)

    def incident_of(self, episode: UUID) -> UUID | None:
        """The incident that an episode belongs to now; None when it is not on the board."""
        row = self.rows.get(episode)
        return row.incident_id if row else None

    def with_rows(self, rows: Iterable[BoardRow]) -> Board:
        """The next revision, with these rows added or changed."""
        return Board(self.revision + 1, {**self.rows, **{row.episode_id: row for row in rows}})

    def standing(self) -> dict[UUID, UUID]:
        """By each incident that episodes were placed in, the one that it is or is a part of."""
        return {row.placed_in: row.incident_id for row in self.rows.values()}


def place(newcomers: Iterable[Newcomer], board: Board, links: Links) -> list[BoardRow]:
    """The rows that the next revision of the board adds or changes; empty if none do.

    Newcomers join the incidents that they are tied to, or open new ones together. Incidents that
    prove to be tied merge into the one that was opened first. The row that opens a new incident
    comes before the incident's other rows.
    """
    revision = board.revision + 1
    fresh = _standing([one for one in newcomers if one.episode_id not in board.rows], board)
    everybody: list[Member] = [*board.rows.values(), *fresh]
    components = Components()
    for newcomer in fresh:
        components.add(newcomer.episode_id, newcomer.returns_to)
    for row in board.rows.values():
        components.add(row.episode_id, row.incident_id)
    standing = board.standing()
    for row in board.rows.values():
        if row.split_from is not None:
            whole = standing.get(row.split_from, row.split_from)
            components.keep_apart(row.incident_id, whole)
    tied = [one for one in everybody if isinstance(one, Newcomer) or not one.held_apart]
    ties = Ties(tied, links)
    for one, other in ties.equals():
        components.join(one, other)
    surfaces_from = {
        episode: join_origin(episode, origins, board, components)
        for episode, origins in ties.origins()
    }
    placed: list[BoardRow] = []
    for members in components.sets(everybody):
        target = _target(members, board)
        for member in members:
            origin = surfaces_from.get(member.episode_id)
            if isinstance(member, Newcomer):
                placed.append(_row(member, target, revision, origin))
            elif member.incident_id != target or (origin and not member.surfaces_from):
                origin = member.surfaces_from or origin
                placed.append(replace(member, incident_id=target, surfaces_from=origin))
    return placed


def join_origin(
    episode: UUID, origins: Sequence[Origin], board: Board, components: Components
) -> UUID | None:
    """Joins an episode with its origin, unless it has one already.

    Returns the origin if traces show it. An origin from calls alone is not stored: a later trace
    is more reliable.
    """
    traces = {one.episode_id: one.traces for one in origins}
    often = max(traces.values()) >= MANY_TRACES
    row = board.rows.get(episode)
    known = row.surfaces_from if row is not None else None
    if known is not None and not (often and 0 < traces.get(known, 0) <= FEW_TRACES):
        return known
    least = ORIGIN_SHARE * max(traces.values())
    for one in origins:
        is_weak = one.traces < least or (often and one.traces <= FEW_TRACES)
        if not is_weak and components.are_one(episode, one.episode_id):
            return one.episode_id if one.traces else None
    components.join(episode, origins[0].episode_id)
    return origins[0].episode_id if origins[0].traces else None


def _standing(newcomers: Sequence[Newcomer], board: Board) -> list[Newcomer]:
    """The newcomers in event time, returning to what their incidents were merged into since.

    In event time, so that the earliest of those that open an incident together names it.
    """
    merged = {row.placed_in: row.incident_id for row in board.rows.values() if row.founds}
    standing = [
        replace(one, returns_to=merged.get(one.returns_to, one.returns_to))
        if one.returns_to is not None
        else one
        for one in newcomers
    ]
    return sorted(standing, key=in_order)


def _row(newcomer: Newcomer, target: UUID, revision: int, origin: UUID | None) -> BoardRow:
    return BoardRow(
        newcomer.episode_id,
        target,
        target,
        revision,
        newcomer.fingerprint,
        newcomer.service_name,
        newcomer.template,
        newcomer.opened_ms,
        newcomer.names,
        origin,
    )


def _target(members: Sequence[Member], board: Board) -> UUID:
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
