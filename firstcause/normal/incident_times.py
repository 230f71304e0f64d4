"""Reads from the analyzer's tables when incidents disturbed which services."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final
from uuid import UUID

from cassandra.cluster import Session

from firstcause.storage.cassandra import prepare_all, rows_of_each
from firstcause.storage.stored_time import days_between, ms_from_datetime
from root_cause.quiet_hours.disturbed_time import EpisodeErrors, disturbances_of_episodes
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
    """What incidents disturb of a time, margins included; see `disturbances_of_episodes`.

    Incidents that began more than a week before are found only while they are open. One all of
    whose groups people had silenced before that time, and still have, disturbs nothing. Blocks
    for a few rounds of reads, each of all incidents side by side.

    Raises:
        DriverException, NoHostAvailable: the driver's.
    """
    times = _IncidentTimes(session)
    return [
        disturbance
        for disturbance in times.of(times.incidents(start_ms, end_ms), start_ms)
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

    def of(self, incidents: Sequence[UUID], asked_ms: int) -> Iterator[Disturbance]:
        found = {
            incident: rows[0]
            for incident, rows in self._rows_of_each("incident", incidents).items()
            if rows and rows[0].opened_at is not None
        }
        members = {
            incident: [row.episode_id for row in rows]
            for incident, rows in self._rows_of_each("episodes", list(found)).items()
        }
        ids = sorted({episode for of_one in members.values() for episode in of_one})
        stored = {
            episode: rows[0] for episode, rows in self._rows_of_each("episode", ids).items() if rows
        }
        tallies = self._rows_of_each("tallies", ids)
        silenced = self._silenced({one.fingerprint for one in stored.values()}, asked_ms)
        for incident, row in found.items():
            episodes = members[incident]
            groups = {stored[one].fingerprint for one in episodes if one in stored}
            if groups and groups <= silenced and all(one in stored for one in episodes):
                continue
            errors: list[EpisodeErrors] = []
            for one in episodes:
                name = stored[one].service_name if one in stored else ""
                errors += _errors_of(name, tallies[one])
            if not errors:
                opened_ms = ms_from_datetime(row.opened_at)
                errors.append(EpisodeErrors("", opened_ms, opened_ms, {}, fatal=False))
            is_open = row.status in (None, "open") and row.merged_into is None
            yield from disturbances_of_episodes(f"incident {incident}", errors, is_open=is_open)

    def _silenced(self, groups: Iterable[UUID], asked_ms: int) -> set[UUID]:
        """Those of the groups that people had silenced before a moment, and still have."""
        return {
            group
            for group, rows in self._rows_of_each("silence", sorted(groups)).items()
            if rows and ms_from_datetime(rows[0].silenced_at) <= asked_ms
        }

    def _rows(self, name: str, *values: object) -> list[Any]:
        return list(self._session.execute(self._statements[name], values))

    def _rows_of_each(self, name: str, keys: Sequence[UUID]) -> dict[UUID, list[Any]]:
        """The rows of each key, read side by side."""
        rows = rows_of_each(self._session, self._statements[name], [(key,) for key in keys])
        return dict(zip(keys, rows, strict=True))


def _errors_of(service_name: str, tallies: Sequence[Any]) -> Iterator[EpisodeErrors]:
    fatal = any(one.fatal for one in tallies)
    for one in tallies:
        moments_ms = [
            ms_from_datetime(at) for at in (one.first_seen, one.last_seen) if at is not None
        ]
        if moments_ms:
            yield EpisodeErrors(
                service_name,
                min(moments_ms),
                max(moments_ms),
                Counter(dict(one.minutes or {})) + Counter(dict(one.overflow_minutes or {})),
                fatal=fatal,
            )
