"""Reads what belongs to other incidents, and excludes it from the ranking of this one."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from cassandra.cluster import Session

from firstcause.storage.cassandra import prepare_all, rows_of_each
from firstcause.storage.stored_time import optional_ms
from log_analyzer.incidents.stores.board import BOARD
from log_analyzer.incidents.stores.episodes import log_ids_of
from log_analyzer.suspects.neighbours import Neighbour, joined, part_within
from log_analyzer.suspects.window import RankingWindow
from log_analyzer.suspects.window_logs import LogReading

# Of more episodes than that, the latest are looked at.
EPISODES_READ: Final = 200

_CQL: Final = {
    "board": "SELECT episode_id, incident_id, opened_at FROM incident_board WHERE board = ?",
    "tallies": "SELECT episode_id, kafka_partition, first_seen, last_seen, minutes, "
    "overflow_minutes FROM episode_tallies WHERE episode_id = ?",
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


@dataclass(frozen=True, slots=True)
class Others:
    """What is known near a window of an incident and of the others.

    Attributes:
        log_ids: the errors of the others, 16 bytes each.
        neighbours: the others that have errors there.
        own_errors: how many errors the incident has there.
    """

    log_ids: frozenset[bytes]
    neighbours: tuple[Neighbour, ...]
    own_errors: int


class OtherIncidents:
    """The errors of the incidents on the board. Blocks."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)

    def near(self, incident: UUID, window: RankingWindow) -> Others:
        """What the incidents have counted near a window; raises the driver's errors."""
        rows = [
            row
            for row in self._session.execute(self._statements["board"], (BOARD,))
            if row.incident_id is not None and (optional_ms(row.opened_at) or 0) < window.end_ms
        ]
        rows.sort(key=lambda row: row.opened_at, reverse=True)
        own = [row.episode_id for row in rows if row.incident_id == incident]
        of_others = {row.episode_id: row.incident_id for row in rows if row.incident_id != incident}
        latest = list(of_others)[:EPISODES_READ]
        tallies = self._tallies(latest, window)
        places = [(one.episode_id, one.kafka_partition) for one in tallies]
        errors = rows_of_each(self._session, self._statements["errors"], places)
        counted: dict[UUID, list[Neighbour]] = defaultdict(list)
        for tally in tallies:
            part = _part_within(window, tally)
            if part is not None:
                counted[of_others[tally.episode_id]].append(part)
        parts = [_part_within(window, one) for one in self._tallies(own[:EPISODES_READ], window)]
        return Others(
            frozenset(key for found in errors for row in found for key in log_ids_of(row.log_ids)),
            tuple(map(joined, counted.values())),
            sum(part.errors for part in parts if part is not None),
        )

    def _tallies(self, episodes: Sequence[UUID], window: RankingWindow) -> list[Any]:
        """The tallies of some episodes that have an error since the window's start."""
        found = rows_of_each(
            self._session, self._statements["tallies"], [(one,) for one in episodes]
        )
        return [
            row
            for rows in found
            for row in rows
            if (optional_ms(row.last_seen) or 0) >= window.start_ms
        ]


def _part_within(window: RankingWindow, tally: Any) -> Neighbour | None:
    minutes = Counter(dict(tally.minutes or {})) + Counter(dict(tally.overflow_minutes or {}))
    times = optional_ms(tally.first_seen) or 0, optional_ms(tally.last_seen) or 0
    return part_within(window, times, minutes)
