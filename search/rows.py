"""The rows of found keys, from Cassandra."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from cassandra.cluster import Session

from firstcause.storage.cassandra import rows_of_each
from firstcause.storage.log_history import COLUMNS, LogRow, present_row
from firstcause.storage.log_partition import shard_of
from firstcause.storage.stored_time import datetime_from_ms
from search.engine import LogKey

MINUTE_MS: Final = 60_000


@dataclass(frozen=True, slots=True)
class FoundRow:
    """A found log; `row` is None while it is not in Cassandra: not stored yet, or too old."""

    key: LogKey
    row: LogRow | None


class RowReader:
    """Reads rows of `logs` by their keys. Blocks; raises the driver's errors."""

    def __init__(self, session: Session) -> None:
        self._session = session
        names = ", ".join(COLUMNS)
        self._by_key = session.prepare(
            f"SELECT {names} FROM logs WHERE service_name = ? AND minute = ? "  # noqa: S608
            "AND shard = ? AND timestamp = ? AND log_id = ?"
        )

    def rows(self, keys: Sequence[LogKey]) -> list[FoundRow]:
        """The rows in the order of the keys."""
        asked = [
            (
                key.service_name,
                datetime_from_ms(key.timestamp_ms // MINUTE_MS * MINUTE_MS),
                shard_of(key.log_id),
                datetime_from_ms(key.timestamp_ms),
                UUID(key.log_id),
            )
            for key in keys
        ]
        found = rows_of_each(self._session, self._by_key, asked)
        return [
            FoundRow(key, present_row(rows[0]) if rows else None)
            for key, rows in zip(keys, found, strict=True)
        ]
