"""The minutes in which services logged, from the tables that lead readers to the logs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args

from firstcause.stored_time import days_between, moment

_MINUTE_MS: Final = 60_000

# A service, and the beginning of a minute (UTC).
ServiceMinute = tuple[str, datetime]


def minutes_between(session: Session, start_ms: int, end_ms: int) -> list[ServiceMinute]:
    """The minutes in which each service logged, as far as they touch a time. Blocks.

    Raises:
        DriverException, NoHostAvailable: the driver's.
    """
    names = [row.service_name for row in session.execute("SELECT service_name FROM services")]
    statement = session.prepare(
        "SELECT service_name, minute FROM log_minutes WHERE service_name = ? AND day = ? "
        "AND minute >= ? AND minute < ?"
    )
    first, end = moment(start_ms // _MINUTE_MS * _MINUTE_MS), moment(end_ms)
    keys = [(name, day, first, end) for name in names for day in days_between(start_ms, end_ms)]
    results = execute_concurrent_with_args(session, statement, keys, raise_on_first_error=True)
    return [
        (row.service_name, row.minute.replace(tzinfo=UTC))
        for result in results
        for row in result.result_or_exc
    ]
