"""Excludes traces of other incidents from the ranking of this one."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final
from uuid import UUID

from cassandra.cluster import Session

from firstcause.storage.cassandra import prepare_all, rows_of_each
from firstcause.storage.stored_time import optional_ms
from log_analyzer.incidents.stores.board import BOARD
from log_analyzer.incidents.stores.episodes import log_ids_of
from log_analyzer.suspects.window import RankingWindow
from log_analyzer.suspects.window_logs import LogReading

# Of more episodes than that, the latest are looked at.
EPISODES_READ: Final = 200

_CQL: Final = {
    "board": "SELECT episode_id, incident_id, opened_at FROM incident_board WHERE board = ?",
    "tallies": "SELECT episode_id, kafka_partition, last_seen FROM episode_tallies "
    "WHERE episode_id = ?",
    "errors": "SELECT log_ids FROM episode_errors WHERE episode_id = ? AND kafka_partition = ?",
}


def without_others(reading: LogReading, others: Collection[bytes]) -> LogReading:
    """The reading without the traces whose errors all belong to other incidents.

    Args:
        reading: the events of a window.
        others: the log ids of other incidents' errors, 16 bytes each.
    """
    theirs: set[str] = set()
    own: set[str] = set()
    for event in reading.events:
        if event.is_error and event.trace_id is not None:
            known = bytes.fromhex(event.log_id.replace("-", "")) in others
            (theirs if known else own).add(event.trace_id)
    gone = theirs - own
    if not gone:
        return reading
    events = tuple(one for one in reading.events if one.trace_id not in gone)
    return LogReading(events, reading.whole)


class OtherIncidents:
    """The errors of the other incidents on the board. Blocks."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)

    def log_ids(self, incident: UUID, window: RankingWindow) -> frozenset[bytes]:
        """The log ids that others have counted near a window; raises the driver's errors."""
        rows = [
            row
            for row in self._session.execute(self._statements["board"], (BOARD,))
            if row.incident_id not in (None, incident)
            and (optional_ms(row.opened_at) or 0) < window.end_ms
        ]
        rows.sort(key=lambda row: row.opened_at, reverse=True)
        episodes = [(row.episode_id,) for row in rows[:EPISODES_READ]]
        tallies = rows_of_each(self._session, self._statements["tallies"], episodes)
        places = [
            (one.episode_id, one.kafka_partition)
            for found in tallies
            for one in found
            if (optional_ms(one.last_seen) or 0) >= window.start_ms
        ]
        errors = rows_of_each(self._session, self._statements["errors"], places)
        return frozenset(
            key for found in errors for row in found for key in log_ids_of(row.log_ids)
        )
