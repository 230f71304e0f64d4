"""Stores the learned hours in Cassandra (tables `normal_hours`, `normal_slices`)."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args

from firstcause.normal.revision import digest, is_current
from firstcause.normal.row_partitions import partition_of, partitions_of
from firstcause.storage.cassandra import prepare_all, rows_of_each
from firstcause.storage.stored_time import datetime_from_ms, ms_from_datetime
from root_cause.normal.codec import encode
from root_cause.normal.composition import LearnedHour
from root_cause.normal.learned_counts import Normal
from root_cause.normal.request_mix import Mix, mix_of
from root_cause.quiet_hours.due_hours import HOUR_MS
from root_cause.quiet_hours.quiet_stretches import TimeRange
from root_cause.quiet_hours.soundness import TOO_LITTLE

# Profiles are large rows: few at a time.
ROWS_AT_ONCE: Final = 8

_CQL: Final = {
    "days": "SELECT day FROM normal_days WHERE scope = 'all' LIMIT ?",
    "of_day": "SELECT * FROM normal_hours WHERE day = ?",
    "hour": "SELECT * FROM normal_hours WHERE day = ? AND hour = ?",
    "put_day": "INSERT INTO normal_days (scope, day) VALUES ('all', ?)",
    "put_hour": "INSERT INTO normal_hours (day, hour, revision, learned_at, stretches, events, "
    "traces, source, refused, mix) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "put_row": "INSERT INTO normal_slices (hour, revision, service_name, profile) "
    "VALUES (?, ?, ?, ?)",
    "drop_slice": "DELETE FROM normal_slices WHERE hour = ? AND revision = ?",
    "names": "SELECT service_name FROM normal_slices WHERE hour = ? AND revision = ?",
    "row": "SELECT profile FROM normal_slices WHERE hour = ? AND revision = ? AND service_name = ?",
}


@dataclass(frozen=True, slots=True)
class SliceRecord:
    """One hour: what was learned of it, or why nothing was.

    Attributes:
        hour_ms: its start (event time).
        stretches: the quiet times that were learned from.
        events: log events in traces that start in them.
        source: `FROM_LOGS`, `VOUCHED_FOR`, or the name of a file.
        refused: why nothing was learned, for people; None if something was.
        revision: identifies the rows of the learned hour; None if it was refused.
        learned_at_ms: wall clock.
    """

    hour_ms: int
    stretches: tuple[TimeRange, ...]
    events: int
    traces: int
    source: str
    refused: str | None
    revision: str | None
    learned_at_ms: int
    mix: Mix

    @property
    def learned(self) -> LearnedHour | None:
        """The hour as composition takes it; None if refused, or of another version of counts."""
        if self.revision is None or not is_current(self.revision):
            return None
        return LearnedHour(self.hour_ms, self.revision, self.mix)

    @property
    def is_final(self) -> bool:
        """False when it has to be learned again.

        There was too little to learn, and more logs may have come since; or its counts have
        another version.
        """
        if self.revision is not None:
            return is_current(self.revision)
        return self.refused is None or not self.refused.startswith(TOO_LITTLE)

    def replaces(self, known: SliceRecord | None) -> bool:
        """True if this record has to be written in place of `known`, the stored one of its hour.

        False if both are equal. False too if there is too little to learn now, for example because
        the logs have expired: what was learned before is kept.
        """
        if known is None:
            return True
        if known.revision is not None and self.revision is None and not self.is_final:
            return False
        return not _same(known, self)


# The source of an hour's counts. An hour that a person vouched for is not learned again.
FROM_LOGS: Final = "logs"
VOUCHED_FOR: Final = "logs, vouched for"


class LearnedHourStore:
    """Writes and reads learned hours. All methods block and raise the driver's errors."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)

    def records(self, days: int = 60) -> list[SliceRecord]:
        """The hours of the newest `days` days that have any, newest first."""
        found = []
        for day in self._session.execute(self._statements["days"], (days,)):
            found += [_record(row) for row in self._execute("of_day", day.day)]
        return sorted(found, key=lambda one: -one.hour_ms)

    def record(self, at_ms: int) -> SliceRecord | None:
        """The stored record of the hour that contains `at_ms`; None if there is none."""
        hour = datetime_from_ms(at_ms // HOUR_MS * HOUR_MS)
        rows = self._execute("hour", hour.date(), hour)
        return _record(rows[0]) if rows else None

    def put(
        self,
        at_ms: int,
        stretches: Sequence[TimeRange],
        normal: Normal,
        events: int,
        source: str,
        now_ms: int,
    ) -> bool:
        """Stores what was learned of the hour that contains `at_ms`; replaces an earlier result.

        Returns False if exactly this was stored already; then nothing is written. A repetition
        after a crash writes the same rows.
        """
        rows = encode(normal)
        revision = digest(part for name in sorted(rows) for part in (name.encode(), rows[name]))
        record = SliceRecord(
            hour_ms=at_ms // HOUR_MS * HOUR_MS,
            stretches=tuple(stretches),
            events=events,
            traces=normal.traces,
            source=source,
            refused=None,
            revision=revision,
            learned_at_ms=now_ms,
            mix=mix_of(normal),
        )
        return self._replace(record, rows)

    def refuse(
        self, at_ms: int, stretches: Sequence[TimeRange], why: str, source: str, now_ms: int
    ) -> bool:
        """Stores why nothing was learned of the hour that contains `at_ms`; otherwise like `put`.

        Returns False and writes nothing if there was too little, but something was learned before.
        """
        hour_ms = at_ms // HOUR_MS * HOUR_MS
        record = SliceRecord(hour_ms, tuple(stretches), 0, 0, source, why, None, now_ms, {})
        return self._replace(record, {})

    def services(self, hour: LearnedHour) -> list[str]:
        """The service names of the rows of a learned hour; "" is the row of the totals."""
        at = datetime_from_ms(hour.hour_ms)
        keys = [(at, part) for part in partitions_of(hour.revision)]
        found = rows_of_each(self._session, self._statements["names"], keys)
        return sorted({row.service_name for rows in found for row in rows})

    def profiles(self, hours: Sequence[LearnedHour], name: str) -> list[bytes | None]:
        """The row of one service in each of these learned hours; None if it has none."""
        times = [(datetime_from_ms(hour.hour_ms), hour.revision) for hour in hours]
        # Of an earlier version where it is not in the partition of today.
        keys = [(at, partition_of(revision, name), name) for at, revision in times]
        keys += [(at, revision, name) for at, revision in times]
        found = rows_of_each(self._session, self._statements["row"], keys)
        both = zip(found[: len(times)], found[len(times) :], strict=True)
        return [rows[0].profile if rows else None for rows in (new or old for new, old in both)]

    def _replace(self, record: SliceRecord, rows: Mapping[str, bytes]) -> bool:
        known = self.record(record.hour_ms)
        if not record.replaces(known):
            return False
        hour = datetime_from_ms(record.hour_ms)
        if record.revision is not None:
            execute_concurrent_with_args(
                self._session,
                self._statements["put_row"],
                [
                    (hour, partition_of(record.revision, name), name, row)
                    for name, row in rows.items()
                ],
                concurrency=ROWS_AT_ONCE,
                raise_on_first_error=True,
            )
        stretches = [
            (datetime_from_ms(one.start_ms), datetime_from_ms(one.end_ms))
            for one in record.stretches
        ]
        values = (
            hour.date(),
            hour,
            record.revision,
            datetime_from_ms(record.learned_at_ms),
            stretches,
            record.events,
            record.traces,
            record.source,
            record.refused,
            zlib.compress(orjson.dumps(record.mix)),
        )
        self._execute("put_hour", *values)
        self._execute("put_day", hour.date())
        if known is not None and known.revision not in (None, record.revision):
            for part in partitions_of(known.revision or ""):
                self._execute("drop_slice", hour, part)
        return True

    def _execute(self, name: str, *values: object) -> list[Any]:
        return list(self._session.execute(self._statements[name], values))


def _same(one: SliceRecord, other: SliceRecord) -> bool:
    return (one.revision, one.refused, one.stretches, one.events, one.source) == (
        other.revision,
        other.refused,
        other.stretches,
        other.events,
        other.source,
    )


def _record(row: Any) -> SliceRecord:
    return SliceRecord(
        hour_ms=ms_from_datetime(row.hour),
        stretches=tuple(
            TimeRange(ms_from_datetime(start), ms_from_datetime(end))
            for start, end in row.stretches or ()
        ),
        events=row.events,
        traces=row.traces,
        source=row.source,
        refused=row.refused,
        revision=row.revision,
        learned_at_ms=ms_from_datetime(row.learned_at),
        mix=orjson.loads(zlib.decompress(row.mix)),
    )
