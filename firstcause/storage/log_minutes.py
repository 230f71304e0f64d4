"""The minutes in which a service logged: an index into the partitions of `logs`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from cassandra.cluster import Session
from cassandra.query import PreparedStatement

from firstcause.storage.cassandra import rows_of_each
from firstcause.storage.stored_time import datetime_from_ms, days_between

_MINUTE_MS: Final = 60_000

# A service, and the beginning of a minute (UTC).
ServiceMinute = tuple[str, datetime]


class LogMinutes:
    """Reads the minutes in which services logged. Reuse one object for repeated queries."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statement: PreparedStatement = session.prepare(
            "SELECT service_name, minute FROM log_minutes WHERE service_name = ? AND day = ? "
            "AND minute >= ? AND minute < ?"
        )

    def of(
        self,
        services: Sequence[str],
        start_ms: int,
        end_ms: int,
        timeout_seconds: float | None = None,
    ) -> list[ServiceMinute]:
        """The minutes of these services that touch a time, service by service, oldest first.

        Blocks as `rows_of_each` does.

        Raises:
            DriverException, NoHostAvailable: the driver's.
        """
        first, end = datetime_from_ms(start_ms // _MINUTE_MS * _MINUTE_MS), datetime_from_ms(end_ms)
        days = days_between(start_ms, end_ms)
        asked = [(name, day, first, end) for name in services for day in days]
        return [
            (row.service_name, row.minute.replace(tzinfo=UTC))
            for rows in rows_of_each(self._session, self._statement, asked, timeout_seconds)
            for row in rows
        ]


def minutes_between(session: Session, start_ms: int, end_ms: int) -> list[ServiceMinute]:
    """The minutes of a time range in which each service logged. Blocks.

    Raises:
        DriverException, NoHostAvailable: the driver's.
    """
    names = [row.service_name for row in session.execute("SELECT service_name FROM services")]
    return LogMinutes(session).of(names, start_ms, end_ms)
