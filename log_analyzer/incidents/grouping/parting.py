"""Splits incidents: a service that a person splits out, and what proves to have two causes. Pure.

Episodes are tied by the first traces that show them, and these may mislead. So it is looked again
what all traces that are known by now say of an incident. Its episodes are tied anew, as if none of
them had a place yet. When two of the parts are the origin of `LEAST_TRACES` traces each, the
incident has two causes. One of the parts leaves it, and the two are not joined again.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from typing import Final
from uuid import UUID

from log_analyzer.episodes.episode import split_incident_id
from log_analyzer.incidents.grouping.components import Components
from log_analyzer.incidents.grouping.placement import (
    PLACED_AT_ONCE,
    Board,
    BoardRow,
    join_origin,
)
from log_analyzer.incidents.grouping.ties import Links, Ties
from log_analyzer.incidents.grouping.trace_votes import in_order

# Fewer show a common cause, but do not prove that there are two.
LEAST_TRACES: Final = 8

Part = list[BoardRow]


def parted(board: Board, links: Links, known_in_part: Container[UUID] = ()) -> list[BoardRow]:
    """The rows that split one incident that proves to have several causes; empty if none does.

    Args:
        board: all that is placed.
        links: what ties episodes.
        known_in_part: incidents of whose beginning the links say nothing: these are left alone.

    The part that began first keeps the incident. Parts that prove nothing go with the one that
    they share the most traces with, else they stay. A split that was cut short is completed first.
    """
    rows = [row for row in board.rows.values() if not row.held_apart]
    ties = Ties(rows, links)
    by_incident: dict[UUID, list[Part]] = {}
    for part in _tied_anew(rows, ties):
        stragglers = _stragglers(part, board, known_in_part)
        if stragglers:
            return stragglers
        for incident in {row.incident_id for row in part}:
            own = [row for row in part if row.incident_id == incident]
            by_incident.setdefault(incident, []).append(own)
    for incident, parts in by_incident.items():
        if incident in known_in_part:
            continue
        causes = [one for one in parts if ties.traces_from(one) >= LEAST_TRACES]
        if len(causes) == 1 or not causes:
            continue
        causes.sort(key=lambda part: min(map(in_order, part)))
        parting = _with_followers(causes, parts, ties)[1:]
        changed = [row for part in parting for row in _leaving(part, incident, board)]
        if changed:
            return changed
    return []


def split_out(board: Board, incident: UUID, service_name: str) -> list[BoardRow]:
    """The rows that split one service's episodes from the rest of an incident.

    The part with the opening episode keeps the incident. The other part becomes a new incident,
    named by its earliest episode. The service's episodes are held apart: no tie brings them back.
    Empty if the service has no episode there, or all of them.
    """
    members = [row for row in board.rows.values() if row.incident_id == incident]
    own = [row for row in members if row.service_name == service_name]
    rest = [row for row in members if row.service_name != service_name]
    if not own or not rest:
        return []
    leaving = rest if any(row.placed_in == incident and row.founds for row in own) else own
    target = _own_incident(leaving, board)
    if target is None:
        return []
    changed = []
    for row in members:
        held = replace(row, held_apart=True) if row in own else row
        if row in leaving:
            held = _moved(held, target, target, board.revision + 1, incident)
        if held != row:
            changed.append(held)
    return changed


def carried_on(rows: Sequence[BoardRow], board: Board) -> list[BoardRow]:
    """Further rows of a split that has begun, as they are on a board that has changed since."""
    standing = board.standing()
    return [
        replace(row, incident_id=standing.get(row.placed_in, row.incident_id))
        for row in rows
        if row.episode_id in board.rows
    ]


def _stragglers(part: Part, board: Board, known_in_part: Container[UUID]) -> list[BoardRow]:
    """The rows of a part that a split has left behind, as rows of what the others are now.

    A split of more rows than a transaction takes may have been cut short. The part with which the
    incident began is never left behind.
    """
    standing = board.standing()
    gone = {
        standing.get(row.split_from, row.split_from): row
        for row in part
        if row.split_from is not None
    }
    found: list[BoardRow] = []
    for incident, one in gone.items():
        if incident in known_in_part:
            continue
        stayed = [row for row in board.rows.values() if row.incident_id == incident]
        left = sum(row.placed_in == one.placed_in for row in board.rows.values())
        if not stayed or left < PLACED_AT_ONCE or min(stayed, key=in_order) in part:
            continue
        found += [
            _moved(row, one.incident_id, one.placed_in, one.placed_at_revision, incident)
            for row in part
            if row.incident_id == incident and row.placed_at_revision < one.placed_at_revision
        ]
    return found


def _moved(row: BoardRow, to: UUID, placed_in: UUID, revision: int, left: UUID) -> BoardRow:
    return replace(
        row,
        incident_id=to,
        placed_in=placed_in,
        placed_at_revision=revision,
        surfaces_from=None,
        split_from=left,
    )


def _tied_anew(rows: Sequence[BoardRow], ties: Ties) -> list[Part]:
    components = Components()
    for row in rows:
        components.add(row.episode_id)
    for one, other in ties.equals():
        components.join(one, other)
    for episode, origins in ties.origins():
        join_origin(episode, origins, Board(), components)
    return components.sets(rows)


def _with_followers(causes: Sequence[Part], parts: Sequence[Part], ties: Ties) -> list[Part]:
    """The parts that are causes, each with those others that share the most traces with it."""
    found = [list(one) for one in causes]
    for part in parts:
        if part in causes:
            continue
        shared = [ties.traces_shared(part, one) for one in causes]
        if any(shared):
            found[shared.index(max(shared))] += part
        else:
            found[0] += part
    return found


def _leaving(part: Sequence[BoardRow], incident: UUID, board: Board) -> list[BoardRow]:
    """The rows of a part as an incident of its own; empty if it has been one before."""
    target = _own_incident(part, board)
    if target is None:
        return []
    return [_moved(row, target, target, board.revision + 1, incident) for row in part]


def _own_incident(part: Sequence[BoardRow], board: Board) -> UUID | None:
    """The incident that a part becomes, named by its earliest episode; None if it was one."""
    target = split_incident_id(min(part, key=in_order).episode_id)
    known = (place for row in board.rows.values() for place in (row.placed_in, row.incident_id))
    return None if target in known else target
