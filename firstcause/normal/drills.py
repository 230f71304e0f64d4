"""Stores fault drills in Cassandra, so that no hour with an injected fault is learned."""

from __future__ import annotations

from typing import Final

from cassandra.cluster import Session

from firstcause.storage.stored_time import datetime_from_ms, days_between, ms_from_datetime
from root_cause.quiet_hours.quiet_stretches import (
    LONGEST_DISTURBANCE_MS,
    MARGIN_BEFORE_MS,
    Disturbance,
)

_INSERT: Final = "INSERT INTO drills (day, start_at, scenario, end_at) VALUES (?, ?, ?, ?)"
_OF_DAY: Final = "SELECT start_at, scenario, end_at FROM drills WHERE day = ?"


def record_drill(session: Session, scenario: str, start_ms: int, end_ms: int) -> None:
    """Writes a drill down; again for a retry, which changes nothing. Blocks until it is durable.

    To be called before its first event is sent. Times are event times in ms since the epoch.

    Raises:
        DriverException, NoHostAvailable: the driver's; the drill may not be recorded.
    """
    start = datetime_from_ms(start_ms)
    values = (start.date(), start, scenario, datetime_from_ms(end_ms))
    session.execute(session.prepare(_INSERT), values)


def drills_between(session: Session, start_ms: int, end_ms: int) -> list[Disturbance]:
    """The drills that touch a time, margins included, in the order of their start. Blocks.

    Raises:
        DriverException, NoHostAvailable: the driver's.
    """
    of_day = session.prepare(_OF_DAY)
    found = [
        Disturbance(
            f"drill {row.scenario}", ms_from_datetime(row.start_at), ms_from_datetime(row.end_at)
        )
        for day in days_between(start_ms - LONGEST_DISTURBANCE_MS, end_ms + MARGIN_BEFORE_MS)
        for row in session.execute(of_day, (day,))
    ]
    return [one for one in found if one.touches(start_ms, end_ms)]
