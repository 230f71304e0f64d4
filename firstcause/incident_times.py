"""When there were incidents, from the tables that the analyzer writes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args

from firstcause.root_cause.quiet_time import (
    LONGEST_DISTURBANCE_MS,
    MARGIN_BEFORE_MS,
    Disturbance,
)
from firstcause.stored_time import days_between, milliseconds

_DAYS: Final = "SELECT day FROM incident_days WHERE scope = 'all' AND day >= ? AND day <= ?"
_OF_DAY: Final = "SELECT incident_id FROM incidents_by_day WHERE day = ?"
_OPEN: Final = "SELECT incident_id FROM incidents WHERE status = 'open'"
_INCIDENT: Final = "SELECT opened_at, status, merged_into FROM incidents WHERE incident_id = ?"
_EPISODES: Final = "SELECT episode_id FROM incident_episodes WHERE incident_id = ?"
_TALLIES: Final = "SELECT first_seen, last_seen FROM episode_tallies WHERE episode_id = ?"


def incidents_between(session: Session, start_ms: int, end_ms: int) -> list[Disturbance]:
    """The incidents that touch a time, margins included: from their first error to their last.

    One that is open has no end yet. Incidents that began more than a week before are found only
    while they are open. Blocks for a few reads an incident.

    Raises:
        DriverException, NoHostAvailable: the driver's.
    """
    days = days_between(start_ms - LONGEST_DISTURBANCE_MS, end_ms + MARGIN_BEFORE_MS)
    ids = {row.incident_id for row in session.execute(_OPEN)}
    for row in session.execute(session.prepare(_DAYS), (days[0], days[-1])):
        ids.update(_incidents_of(session, row.day))
    found = [_time_of(session, incident) for incident in sorted(ids)]
    return [one for one in found if one is not None and one.touches(start_ms, end_ms)]


def _incidents_of(session: Session, day: date) -> Iterable[UUID]:
    return (row.incident_id for row in session.execute(session.prepare(_OF_DAY), (day,)))


def _time_of(session: Session, incident: UUID) -> Disturbance | None:
    row = session.execute(session.prepare(_INCIDENT), (incident,)).one()
    if row is None or row.opened_at is None:
        return None
    members = session.execute(session.prepare(_EPISODES), (incident,))
    tallies = _rows_of_all(session, _TALLIES, [member.episode_id for member in members])
    moments = [at for one in tallies for at in (one.first_seen, one.last_seen) if at is not None]
    times_ms = [milliseconds(at) for at in (row.opened_at, *moments)]
    is_open = row.status in (None, "open") and row.merged_into is None
    return Disturbance(f"incident {incident}", min(times_ms), None if is_open else max(times_ms))


def _rows_of_all(session: Session, cql: str, keys: Sequence[UUID]) -> list[Any]:
    results = execute_concurrent_with_args(
        session, session.prepare(cql), [(key,) for key in keys], raise_on_first_error=True
    )
    return [row for result in results for row in result.result_or_exc]
