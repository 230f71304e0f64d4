"""Reads from the analyzer's tables when incidents disturbed which services."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from cassandra.cluster import Session

from firstcause.storage.cassandra import prepare_all, rows_of_each
from firstcause.storage.stored_time import days_between, milliseconds
from root_cause.quiet_hours.disturbed_time import EpisodeErrors, loud_times
from root_cause.quiet_hours.quiet_stretches import (
    LONGEST_DISTURBANCE_MS,
    MARGIN_BEFORE_MS,
    Disturbance,
)

_CQL: Final = {
    "days": "SELECT day FROM incident_days WHERE scope = 'all' AND day >= ? AND day <= ?",
    "of_day": "SELECT incident_id FROM incidents_by_day WHERE day = ?",
    "open": "SELECT incident_id FROM incidents WHERE status = 'open'",
    "incident": "SELECT opened_at, status, merged_into FROM incidents WHERE incident_id = ?",
    "episodes": "SELECT episode_id FROM incident_episodes WHERE incident_id = ?",
    "episode": "SELECT fingerprint, service_name FROM episodes WHERE episode_id = ?",
    "tallies": "SELECT first_seen, last_seen, fatal, minutes, overflow_minutes "
    "FROM episode_tallies WHERE episode_id = ?",
    "silence": "SELECT silenced_at FROM silences WHERE fingerprint = ?",
}


def incidents_between(session: Session, start_ms: int, end_ms: int) -> list[Disturbance]:
    """What incidents disturb of a time, margins included; see `loud_times`.

    Incidents that began more than a week before are found only while they are open. One all of
    whose groups people had silenced before that time, and still have, disturbs nothing. Blocks
    for a few reads an incident.

    Raises:
        DriverException, NoHostAvailable: the driver's.
    """
    times = _IncidentTimes(session)
    return [
        disturbance
        for incident in times.incidents(start_ms, end_ms)
        for disturbance in times.of(incident, start_ms)
        if disturbance.touches(start_ms, end_ms)
    ]


class _IncidentTimes:
    """The reads of one call, their statements prepared once."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)

    def incidents(self, start_ms: int, end_ms: int) -> list[UUID]:
        days = days_between(start_ms - LONGEST_DISTURBANCE_MS, end_ms + MARGIN_BEFORE_MS)
        known = [(row.day,) for row in self._rows("days", days[0], days[-1])]
        of_days = rows_of_each(self._session, self._statements["of_day"], known)
        return sorted({row.incident_id for rows in (self._rows("open"), *of_days) for row in rows})

    def of(self, incident: UUID, asked_ms: int) -> list[Disturbance]:
        rows = self._rows("incident", incident)
        if not rows or rows[0].opened_at is None:
            return []
        row = rows[0]
        ids = [member.episode_id for member in self._rows("episodes", incident)]
        stored = [found[0] if found else None for found in self._rows_of_each("episode", ids)]
        groups = {one.fingerprint for one in stored if one}
        if groups and all(stored) and self._are_silenced(groups, asked_ms):
            return []
        errors: list[EpisodeErrors] = []
        for episode, tallies in zip(stored, self._rows_of_each("tallies", ids), strict=True):
            errors += _errors_of(episode.service_name if episode else "", tallies)
        if not errors:
            opened_ms = milliseconds(row.opened_at)
            errors.append(EpisodeErrors("", opened_ms, opened_ms, {}, fatal=False))
        is_open = row.status in (None, "open") and row.merged_into is None
        return loud_times(f"incident {incident}", errors, is_open=is_open)

    def _are_silenced(self, groups: Iterable[UUID], asked_ms: int) -> bool:
        """True when people had silenced all of these groups before a moment, and still have."""
        return all(
            rows and milliseconds(rows[0].silenced_at) <= asked_ms
            for rows in self._rows_of_each("silence", sorted(groups))
        )

    def _rows(self, name: str, *values: object) -> list[Any]:
        return list(self._session.execute(self._statements[name], values))

    def _rows_of_each(self, name: str, keys: Sequence[UUID]) -> list[list[Any]]:
        return rows_of_each(self._session, self._statements[name], [(key,) for key in keys])


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
