"""Stores the composed normals in Cassandra: the one in force and a few earlier ones."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any, Final

from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args

from firstcause.normal.learned_hour_store import ROWS_AT_ONCE
from firstcause.normal.revision import is_current
from firstcause.normal.row_partitions import partition_of, partitions_of
from firstcause.storage.cassandra import prepare_all, rows_of_each
from firstcause.storage.stored_time import datetime_from_ms, ms_from_datetime
from root_cause.normal.codec import decode
from root_cause.normal.composition import WHOLE, LearnedHour, slot_of
from root_cause.normal.learned_counts import Normal

# One in force, one that a reader may be at, one to compare with.
VERSIONS_KEPT: Final = 3

ROWS_OF_PAGE: Final = 200
_CQL: Final = {
    "versions": "SELECT * FROM normal_versions WHERE scope = 'all'",
    "rows": "SELECT service_name, profile FROM normals WHERE version = ? AND slot = ?",
    "put_version": "INSERT INTO normal_versions (scope, composed_at, version, slots, first_hour, "
    "last_hour, hours) VALUES ('all', ?, ?, ?, ?, ?, ?)",
    "drop_version": "DELETE FROM normal_versions WHERE scope = 'all' AND composed_at = ? "
    "AND version = ?",
    "put_row": "INSERT INTO normals (version, slot, service_name, profile) VALUES (?, ?, ?, ?)",
    "drop_rows": "DELETE FROM normals WHERE version = ? AND slot = ?",
}


@dataclass(frozen=True, slots=True)
class NormalVersion:
    """One composed normal.

    Attributes:
        version: its name; equal content has equal names.
        composed_at_ms: wall clock; later than that of every version before it.
        slots: those with a normal of their own, besides that of the whole week.
        first_ms, last_ms: beginnings of the first and the last hour in it (event time).
        hours: how many hours it was composed of.
    """

    version: str
    composed_at_ms: int
    slots: tuple[str, ...]
    first_ms: int
    last_ms: int
    hours: int

    def slot_at(self, at_ms: int, zone: tzinfo = UTC) -> str:
        """The slot whose normal holds at a moment (event time); `zone` is that of the hours."""
        slot = slot_of(at_ms, zone)
        return slot if slot in self.slots else WHOLE


@dataclass(frozen=True, slots=True)
class LearnedNormal:
    """A normal as it was loaded; `learned_at_ms` is when it was composed (wall clock)."""

    normal: Normal
    version: str
    learned_at_ms: int


class ComposedNormalStore:
    """Reads and writes composed normals; to be used by one thread.

    All methods block. They raise the driver's errors, and FirstcauseError for a row that cannot
    be read.

    Args:
        session: of the keyspace.
        zone: the time zone whose hours of the day are the slots.
    """

    def __init__(self, session: Session, zone: tzinfo = UTC) -> None:
        self.zone = zone
        self._session = session
        self._statements = prepare_all(session, _CQL)
        # A row may have 100 KB: a page of the default 5,000 would not fit a frame.
        self._statements["rows"].fetch_size = ROWS_OF_PAGE
        self._last: tuple[str, str, Normal] | None = None

    def versions(self, timeout_seconds: float | None = None) -> list[NormalVersion]:
        """The stored versions whose counts have the current version, newest first."""
        rows = self._execute("versions", timeout_seconds=timeout_seconds)
        return [_version(row) for row in rows if is_current(row.version)]

    def load(self, at_ms: int, timeout_seconds: float) -> LearnedNormal | None:
        """The normal in force for a time of events; None when none was ever learned.

        That of its day and hour where these differ from the rest of the week. What was loaded last
        is kept: it is shared, so nobody may change it.

        Args:
            at_ms: event time.
            timeout_seconds: for all reads together.

        Raises:
            OperationTimedOut: among the driver's errors, when it took longer.
        """
        deadline = time.monotonic() + timeout_seconds
        versions = self.versions(timeout_seconds)
        if not versions:
            return None
        newest = versions[0]
        slot = newest.slot_at(at_ms, self.zone)
        if self._last is None or self._last[:2] != (newest.version, slot):
            left_seconds = max(0.1, deadline - time.monotonic())
            rows = self.rows(newest.version, slot, left_seconds)
            self._last = (newest.version, slot, decode(rows))
        return LearnedNormal(self._last[2], newest.version, newest.composed_at_ms)

    def rows(
        self, version: str, slot: str, timeout_seconds: float | None = None
    ) -> dict[str, bytes]:
        """The encoded rows of a version's slot, by service."""
        keys = [(version, part) for part in partitions_of(slot)]
        found = rows_of_each(self._session, self._statements["rows"], keys, timeout_seconds)
        return {row.service_name: row.profile for rows in found for row in rows}

    def put_rows(self, version: str, rows: Mapping[tuple[str, str], bytes]) -> None:
        """Writes rows by (slot, service) of a version that is not named in any list yet."""
        execute_concurrent_with_args(
            self._session,
            self._statements["put_row"],
            [(version, partition_of(slot, name), name, row) for (slot, name), row in rows.items()],
            concurrency=ROWS_AT_ONCE,
            raise_on_first_error=True,
        )

    def drop_unnamed(self, version: str, slots: Sequence[str]) -> None:
        """Removes the rows of a version, unless a list names it: composition was given up."""
        if all(row.version != version for row in self._execute("versions")):
            self._drop_rows(version, slots)

    def put_in_force(
        self, version: str, slots: Sequence[str], hours: Sequence[LearnedHour]
    ) -> NormalVersion:
        """Makes a version whose rows are all written the newest; removes all but three.

        Args:
            version: its name.
            slots: those with a normal of their own.
            hours: what it was composed of, in the order of time.
        """
        before = [_version(row) for row in self._execute("versions")]
        composed = NormalVersion(
            version=version,
            composed_at_ms=later_than_all(before, int(time.time() * 1000)),
            slots=tuple(slots),
            first_ms=hours[0].hour_ms,
            last_ms=hours[-1].hour_ms,
            hours=len(hours),
        )
        self._execute(
            "put_version",
            datetime_from_ms(composed.composed_at_ms),
            composed.version,
            list(composed.slots),
            datetime_from_ms(composed.first_ms),
            datetime_from_ms(composed.last_ms),
            composed.hours,
        )
        stored = [_version(row) for row in self._execute("versions")]
        kept = {one.version for one in stored[:VERSIONS_KEPT]}
        for old in stored[VERSIONS_KEPT:]:
            if old.version not in kept:
                self._drop_rows(old.version, old.slots)
            self._execute("drop_version", datetime_from_ms(old.composed_at_ms), old.version)
        return composed

    def _drop_rows(self, version: str, slots: Sequence[str]) -> None:
        for slot in (WHOLE, *slots):
            for part in partitions_of(slot):
                self._execute("drop_rows", version, part)

    def _execute(
        self, name: str, *values: object, timeout_seconds: float | None = None
    ) -> list[Any]:
        statement = self._statements[name]
        if timeout_seconds is None:
            return list(self._session.execute(statement, values))
        return list(self._session.execute(statement, values, timeout=timeout_seconds))


def later_than_all(versions: Iterable[NormalVersion], now_ms: int) -> int:
    """When the next version counts as composed: now, though clocks of others may be ahead."""
    return max([now_ms, *(one.composed_at_ms + 1 for one in versions)])


def _version(row: Any) -> NormalVersion:
    return NormalVersion(
        version=row.version,
        composed_at_ms=ms_from_datetime(row.composed_at),
        slots=tuple(row.slots or ()),
        first_ms=ms_from_datetime(row.first_hour),
        last_ms=ms_from_datetime(row.last_hour),
        hours=row.hours,
    )
