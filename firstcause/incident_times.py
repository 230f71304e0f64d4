"""When incidents disturbed, from the tables that the analyzer writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args

from firstcause.root_cause.loud_time import EpisodeErrors, loud_times
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
_EPISODE: Final = "SELECT fingerprint, service_name FROM episodes WHERE episode_id = ?"
_TALLIES: Final = (
    "SELECT first_seen, last_seen, fatal, minutes, overflow_minutes "
    "FROM episode_tallies WHERE episode_id = ?"
)
_SILENCES: Final = "SELECT silenced_at FROM silences WHERE fingerprint = ?"


def incidents_between(session: Session, start_ms: int, end_ms: int) -> list[Disturbance]:
    """What incidents disturb of a time, margins included; see `loud_times`.

    Incidents that began more than a week before are found only while they are open. One all of
    whose groups people had silenced before that time, and still have, disturbs nothing. Blocks
    for a few reads an incident.

    Raises:
        DriverException, NoHostAvailable: the driver's.
    """
    days = days_between(start_ms - LONGEST_DISTURBANCE_MS, end_ms + MARGIN_BEFORE_MS)
    ids = {row.incident_id for row in session.execute(_OPEN)}
    for row in session.execute(session.prepare(_DAYS), (days[0], days[-1])):
        ids.update(_incidents_of(session, row.day))
    return [
        disturbance
        for incident in sorted(ids)
        for disturbance in _times_of(session, incident, start_ms)
        if disturbance.touches(start_ms, end_ms)
    ]


def _incidents_of(session: Session, day: date) -> Iterable[UUID]:
    return (row.incident_id for row in session.execute(session.prepare(_OF_DAY), (day,)))


def _times_of(session: Session, incident: UUID, asked_ms: int) -> list[Disturbance]:
    row = session.execute(session.prepare(_INCIDENT), (incident,)).one()
    if row is None or row.opened_at is None:
        return []
    members = session.execute(session.prepare(_EPISODES), (incident,))
    ids = [member.episode_id for member in members]
    stored = [rows[0] if rows else None for rows in _rows_of_all(session, _EPISODE, ids)]
    groups = {one.fingerprint for one in stored if one}
    if groups and all(stored) and _are_silenced(session, groups, asked_ms):
        return []
    found: list[EpisodeErrors] = []
    for episode, tallies in zip(stored, _rows_of_all(session, _TALLIES, ids), strict=True):
        found += _errors_of(episode.service_name if episode else "", tallies)
    if not found:
        opened_ms = milliseconds(row.opened_at)
        found.append(EpisodeErrors("", opened_ms, opened_ms, {}, fatal=False))
    is_open = row.status in (None, "open") and row.merged_into is None
    return loud_times(f"incident {incident}", found, is_open=is_open)


def _errors_of(service_name: str, tallies: Sequence[Any]) -> Iterator[EpisodeErrors]:
    fatal = any(one.fatal for one in tallies)
    for one in tallies:
        moments_ms = [milliseconds(at) for at in (one.first_seen, one.last_seen) if at is not None]
        if moments_ms:
            yield EpisodeErrors(
                service_name,
                min(moments_ms),
                max(moments_ms),
                Counter(dict(one.minutes or {})) + Counter(dict(one.overflow_minutes or {})),
                fatal=fatal,
            )


def _are_silenced(session: Session, groups: Iterable[UUID], asked_ms: int) -> bool:
    """True when people had silenced all of these groups before a moment, and still have."""
    return all(
        rows and milliseconds(rows[0].silenced_at) <= asked_ms
        for rows in _rows_of_all(session, _SILENCES, sorted(groups))
    )


def _rows_of_all(session: Session, cql: str, keys: Sequence[UUID]) -> list[list[Any]]:
    """The rows of each key, asked for at the same time."""
    results = execute_concurrent_with_args(
        session, session.prepare(cql), [(key,) for key in keys], raise_on_first_error=True
    )
    return [list(result.result_or_exc) for result in results]
