"""Patterns in Cassandra: written by the indexer, read by whoever asks."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent

from firstcause.storage.cassandra import QUERIES_AT_ONCE, prepare_all, rows_of_each
from firstcause.storage.stored_time import datetime_from_ms, ms_from_datetime
from search.patterns.counter import MINUTE_MS, PatternChanges

HOUR_MS: Final = 60 * MINUTE_MS
# Microseconds that no event time reaches: what is counted down from it rises as time falls.
_FAR_MICROS: Final = 2**61

_CQL: Final = {
    "count": "INSERT INTO pattern_counts (service_name, hour, minute, template_id, partition, "
    "block, log_count) VALUES (?, ?, ?, ?, ?, ?, ?)",
    "text": "INSERT INTO service_patterns (service_name, template_id, template_text, level) "
    "VALUES (?, ?, ?, ?)",
    "first": "INSERT INTO service_patterns (service_name, template_id, first_seen) "
    "VALUES (?, ?, ?) USING TIMESTAMP ?",
    "last": "INSERT INTO service_patterns (service_name, template_id, last_seen) "
    "VALUES (?, ?, ?) USING TIMESTAMP ?",
    "counts": "SELECT service_name, minute, template_id, log_count FROM pattern_counts "
    "WHERE service_name = ? AND hour = ? AND minute >= ? AND minute < ?",
    "patterns": "SELECT service_name, template_id, template_text, level, first_seen, last_seen "
    "FROM service_patterns WHERE service_name = ?",
}


@dataclass(frozen=True, slots=True)
class Pattern:
    """A template of a service: its text, the level it was met with last, first and last time."""

    service_name: str
    template_id: UUID
    text: str
    level: str
    first_seen_ms: int
    last_seen_ms: int


class PatternStore:
    """Reads and writes `pattern_counts` and `service_patterns`. Blocks; raises the driver's errors.

    Every write is an upsert: again is harmless.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)

    def write(self, changes: PatternChanges) -> None:
        """Writes counts and templates as the counter gave them."""
        wanted: list[tuple[Any, tuple[Any, ...]]] = []
        for (service, template_id), seen in changes.seen.items():
            name = service, template_id
            wanted += [
                (self._statements["text"], (*name, seen.text, seen.level)),
                (self._statements["first"], (*name, seen.first_ms, _falling(seen.first_ms))),
                (self._statements["last"], (*name, seen.last_ms, seen.last_ms * 1_000)),
            ]
        for key, count in changes.counts.items():
            hour = key.minute_ms // HOUR_MS * HOUR_MS
            values = (key.service_name, hour, key.minute_ms, key.template_id)
            wanted.append((self._statements["count"], (*values, key.partition, key.block, count)))
        execute_concurrent(
            self._session, wanted, concurrency=QUERIES_AT_ONCE, raise_on_first_error=True
        )

    def services(self) -> list[str]:
        """The services that have patterns, by name."""
        rows = self._session.execute("SELECT DISTINCT service_name FROM service_patterns")
        return sorted(row.service_name for row in rows)

    def counts(self, services: list[str], from_ms: int, to_ms: int) -> Counter[tuple[str, UUID]]:
        """Logs by service and template in the minutes that begin in [from_ms, to_ms)."""
        hours = range(from_ms // HOUR_MS * HOUR_MS, to_ms, HOUR_MS)
        bounds = datetime_from_ms(from_ms), datetime_from_ms(to_ms)
        asked = [(name, datetime_from_ms(hour), *bounds) for name in services for hour in hours]
        found: Counter[tuple[str, UUID]] = Counter()
        for rows in rows_of_each(self._session, self._statements["counts"], asked):
            for row in rows:
                found[row.service_name, row.template_id] += row.log_count
        return found

    def patterns(self, services: list[str]) -> dict[tuple[str, UUID], Pattern]:
        """The templates of these services."""
        asked = [(name,) for name in services]
        return {
            (row.service_name, row.template_id): Pattern(
                row.service_name,
                row.template_id,
                row.template_text or "",
                row.level or "",
                ms_from_datetime(row.first_seen),
                ms_from_datetime(row.last_seen),
            )
            for rows in rows_of_each(self._session, self._statements["patterns"], asked)
            for row in rows
            if row.first_seen is not None and row.last_seen is not None
        }


def _falling(time_ms: int) -> int:
    return _FAR_MICROS - time_ms * 1_000
