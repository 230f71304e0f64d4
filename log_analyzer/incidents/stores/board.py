"""Stores the board, the rows derived from it, and the published traces in Cassandra.

Every method blocks, and raises the driver's own errors.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any, Final
from uuid import UUID

from cassandra.cluster import Session
from cassandra.query import UNSET_VALUE, BatchStatement
from cassandra.util import min_uuid_from_time

from firstcause.storage.cassandra import prepare_all
from firstcause.storage.stored_time import datetime_from_ms, optional_ms
from log_analyzer.episodes.episode import title
from log_analyzer.episodes.tally import MINUTE_MS
from log_analyzer.incidents.grouping.placement import Board, BoardRow
from log_analyzer.incidents.stores.board_access import TRACES_BACK_MS
from log_analyzer.incidents.stores.writes import Write, write_all

# One board for all: opening an episode is rare, and one revision leaves no border to mind.
BOARD: Final = "all"
TRACES_OVERLAP_MS: Final = 5_000

_CQL: Final = {
    "revision": "SELECT revision FROM incident_board WHERE board = ? LIMIT 1",
    "rows": "SELECT * FROM incident_board WHERE board = ?",
    "first_revision": "UPDATE incident_board SET revision = ? WHERE board = ? IF revision = null",
    "next_revision": "UPDATE incident_board SET revision = ? WHERE board = ? IF revision = ?",
    "put": "INSERT INTO incident_board (board, episode_id, incident_id, placed_in, "
    "placed_at_revision, fingerprint, service_name, template, opened_at, names, surfaces_from, "
    "held_apart, split_from) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "remove": "DELETE FROM incident_board WHERE board = ? AND episode_id = ?",
    "episode": "INSERT INTO episodes (episode_id, incident_id, fingerprint, service_name, "
    "template, opened_at) VALUES (?, ?, ?, ?, ?, ?)",
    "left": "DELETE FROM incident_episodes WHERE incident_id = ? AND episode_id = ?",
    "member": "INSERT INTO incident_episodes (incident_id, episode_id) VALUES (?, ?)",
    "incident": "INSERT INTO incidents (incident_id, episode_id, fingerprint, service_name, "
    "template, title, opened_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
    "merged": "UPDATE incidents SET merged_into = ? WHERE incident_id = ?",
    "day": "INSERT INTO incidents_by_day (day, opened_at, incident_id, service_name) "
    "VALUES (?, ?, ?, ?)",
    "days": "INSERT INTO incident_days (scope, day) VALUES ('all', ?)",
    "write_traces": "INSERT INTO episode_traces (minute, written_at, episode_id, traces) "
    "VALUES (?, ?, ?, ?)",
    "read_traces": "SELECT written_at, episode_id, traces FROM episode_traces "
    "WHERE minute = ? AND written_at > ?",
}


class BoardStore:
    """The board, and what is derived from it."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)

    def _rows(self, name: str, *values: object) -> list[Any]:
        return list(self._session.execute(self._statements[name], values))

    def revision(self) -> int:
        """The board's revision; 0 before the first."""
        rows = self._rows("revision", BOARD)
        return int(rows[0].revision or 0) if rows else 0

    def read(self) -> Board:
        """The whole board. Its revision is read first, so a later change makes `apply` fail."""
        revision = self.revision()
        rows = [_board_row(row) for row in self._rows("rows", BOARD) if row.episode_id is not None]
        return Board(revision, {row.episode_id: row for row in rows})

    def apply(self, board: Board, put: Iterable[BoardRow], remove: Iterable[UUID] = ()) -> bool:
        """Changes the board, unless it has changed since `board` was read; False then."""
        batch = BatchStatement()
        following = board.revision + 1
        if board.revision == 0:
            batch.add(self._statements["first_revision"], (following, BOARD))
        else:
            batch.add(self._statements["next_revision"], (following, BOARD, board.revision))
        for row in put:
            known = board.rows.get(row.episode_id)
            # A split clears it; where there is none, NULL would be a tombstone for nothing.
            cleared = None if known is not None and known.surfaces_from else UNSET_VALUE
            values = (
                BOARD,
                row.episode_id,
                row.incident_id,
                row.placed_in,
                row.placed_at_revision,
                row.fingerprint,
                row.service_name,
                row.template,
                datetime_from_ms(row.opened_ms),
                row.names or UNSET_VALUE,
                row.surfaces_from or cleared,
                row.held_apart or UNSET_VALUE,
                row.split_from or UNSET_VALUE,
            )
            batch.add(self._statements["put"], values)
        for episode in remove:
            batch.add(self._statements["remove"], (BOARD, episode))
        return bool(self._session.execute(batch).was_applied)

    def publish(self, rows: Iterable[BoardRow]) -> None:
        """Writes the rows derived from these to the tables that people read. Idempotent.

        Episodes stand with an incident before an older one is marked as merged into it, and
        before they leave one that was split.
        """
        membership: list[Write] = []
        merges: list[Write] = []
        left: list[Write] = []
        for row in rows:
            opened = datetime_from_ms(row.opened_ms)
            group = (row.fingerprint, row.service_name, row.template)
            episode = (row.episode_id, row.incident_id, *group, opened)
            membership.append((self._statements["episode"], episode))
            incidents = {row.placed_in, row.incident_id}
            membership += [
                (self._statements["member"], (incident, row.episode_id)) for incident in incidents
            ]
            if row.split_from is not None and row.split_from not in incidents:
                left.append((self._statements["left"], (row.split_from, row.episode_id)))
            if row.founds:
                own_title = title(row.service_name, row.template)
                incident_row = (row.placed_in, row.episode_id, *group, own_title, opened)
                day = (opened.date(), opened, row.placed_in, row.service_name)
                membership.append((self._statements["incident"], incident_row))
                membership.append((self._statements["days"], (opened.date(),)))
                membership.append((self._statements["day"], day))
            if row.placed_in != row.incident_id:
                merges.append((self._statements["merged"], (row.incident_id, row.placed_in)))
        for wave in (membership, [*merges, *left]):
            write_all(self._session, wave)

    def publish_traces(self, traces: Mapping[UUID, bytes]) -> None:
        """Tells all instances which traces a batch has brought: packed spans by episode."""
        now_ms = time.time_ns() // 1_000_000
        minute = datetime_from_ms(now_ms - now_ms % MINUTE_MS)
        write_all(
            self._session,
            [
                (self._statements["write_traces"], (minute, uuid.uuid1(), episode, blob))
                for episode, blob in traces.items()
            ],
        )

    def traces_since(self, since_ms: int) -> tuple[int, list[tuple[UUID, UUID, bytes]]]:
        """Rows told since a time (ms, wall clock), as row id, episode and packed spans.

        Returns with them the time to ask for next. The last seconds come again, since a row may
        become readable late and clocks differ a little; rows are told apart by their ids.
        """
        now_ms = time.time_ns() // 1_000_000
        start_ms = max(since_ms, now_ms - TRACES_BACK_MS)
        after = min_uuid_from_time(start_ms / 1_000)
        found: list[tuple[UUID, UUID, bytes]] = []
        for minute_ms in range(start_ms - start_ms % MINUTE_MS, now_ms + MINUTE_MS, MINUTE_MS):
            rows = self._rows("read_traces", datetime_from_ms(minute_ms), after)
            found += [(row.written_at, row.episode_id, row.traces) for row in rows]
        return max(start_ms, now_ms - TRACES_OVERLAP_MS), found


def _board_row(row: Any) -> BoardRow:
    return BoardRow(
        row.episode_id,
        row.incident_id,
        row.placed_in,
        row.placed_at_revision,
        row.fingerprint,
        row.service_name,
        row.template,
        optional_ms(row.opened_at) or 0,
        frozenset(row.names or ()),
        row.surfaces_from,
        bool(row.held_apart),
        row.split_from,
    )
