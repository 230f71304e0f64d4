"""Stores the actions of people in Cassandra: plain upserts, the last one wins."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from cassandra.cluster import Session

from firstcause.incidents.handling import Handling
from firstcause.incidents.human_actions import (
    Acknowledgement,
    AcknowledgementUndone,
    Action,
    Feedback,
    Resolution,
    Silence,
)
from firstcause.storage.cassandra import prepare_all, rows_of_each
from firstcause.storage.stored_time import datetime_from_ms, optional_ms
from log_analyzer.incidents.stores.episodes import EpisodeStore
from log_analyzer.incidents.stores.writes import Write, write_all

LONGEST_SILENCE_SECONDS: Final = 7_776_000

_CQL: Final = {
    "fingerprint": "SELECT fingerprint FROM incidents WHERE incident_id = ?",
    "acknowledge": "INSERT INTO incident_handling (incident_id, acknowledged_by, acknowledged_at) "
    "VALUES (?, ?, ?)",
    "unacknowledge": "DELETE acknowledged_by, acknowledged_at FROM incident_handling "
    "WHERE incident_id = ?",
    "resolve": "INSERT INTO incident_handling (incident_id, resolved_by, resolved_at) "
    "VALUES (?, ?, ?)",
    "silence_incident": "INSERT INTO incident_handling (incident_id, silenced_by, "
    "silenced_until) VALUES (?, ?, ?)",
    "feedback": "INSERT INTO incident_handling (incident_id, feedback, feedback_by, feedback_at, "
    "feedback_source, feedback_analysed_at) VALUES (?, ?, ?, ?, ?, ?)",
    "silence": "INSERT INTO silences (fingerprint, silenced_by, silenced_at, silenced_until, "
    "incident_id) VALUES (?, ?, ?, ?, ?) USING TTL ?",
    "unsilence": "DELETE FROM silences WHERE fingerprint = ?",
    "members": "SELECT episode_id FROM incident_episodes WHERE incident_id = ?",
    "group": "SELECT fingerprint FROM episodes WHERE episode_id = ?",
    "handling": "SELECT * FROM incident_handling WHERE incident_id = ?",
    "silenced": "SELECT * FROM silences WHERE fingerprint = ?",
}


class HumanActionsStore:
    """Handling of incidents. Every method blocks and raises the driver's errors."""

    def __init__(
        self, session: Session, clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    ) -> None:
        self._session = session
        self._clock_ms = clock_ms
        self._statements = prepare_all(session, _CQL)
        self._incidents: EpisodeStore | None = None

    def _row(self, name: str, *values: object) -> Any:
        return self._session.execute(self._statements[name], values).one()

    def apply(self, action: Action) -> bool:
        """Stores an action; doing it again changes nothing. False: there is no such incident."""
        found = self._row("fingerprint", action.incident_id)
        if found is None or found.fingerprint is None:
            return False
        match action:
            case Acknowledgement(incident, by, at_ms):
                self._row("acknowledge", incident, by, datetime_from_ms(at_ms))
            case AcknowledgementUndone(incident):
                self._row("unacknowledge", incident)
            case Resolution(incident, by, at_ms):
                # Who did it first: the state without it would be taken for a quiet time.
                self._row("resolve", incident, by, datetime_from_ms(at_ms))
                self._states().resolve(incident, at_ms)
            case Silence(incident, by, _, until_ms):
                self._row("silence_incident", incident, by, datetime_from_ms(until_ms))
                self._silence(self._groups_of(incident, found.fingerprint), action)
            case Feedback(incident, by, at_ms, verdict, source, analysed_ms):
                analysed = datetime_from_ms(analysed_ms) if analysed_ms else None
                at = datetime_from_ms(at_ms)
                self._row("feedback", incident, verdict, by, at, source, analysed)
        return True

    def reopen(self, incident: UUID) -> None:
        """An incident that was resolved by hand goes on: it is open again."""
        states = self._states()
        states.write(states.open_statements(incident, time.time_ns() // 1_000_000))

    def _states(self) -> EpisodeStore:
        if self._incidents is None:
            self._incidents = EpisodeStore(self._session)
        return self._incidents

    def _rows_of_all(self, name: str, keys: Iterable[UUID]) -> list[Any]:
        """The row of each key or None, asked for at the same time."""
        found = rows_of_each(self._session, self._statements[name], [(key,) for key in keys])
        return [rows[0] if rows else None for rows in found]

    def _groups_of(self, incident: UUID, first: UUID) -> list[UUID]:
        members = self._session.execute(self._statements["members"], (incident,))
        rows = self._rows_of_all("group", [member.episode_id for member in members])
        return list(dict.fromkeys([first, *(row.fingerprint for row in rows if row)]))

    def _silence(self, fingerprints: Sequence[UUID], silence: Silence) -> None:
        seconds = (silence.until_ms - silence.at_ms) // 1_000
        writes: list[Write] = []
        for fingerprint in fingerprints:
            if seconds <= 0:
                writes.append((self._statements["unsilence"], (fingerprint,)))
                continue
            values = (
                fingerprint,
                silence.by,
                datetime_from_ms(silence.at_ms),
                datetime_from_ms(silence.until_ms),
                silence.incident_id,
                min(seconds, LONGEST_SILENCE_SECONDS),
            )
            writes.append((self._statements["silence"], values))
        write_all(self._session, writes)

    def of(self, incident: UUID, fingerprints: Sequence[UUID]) -> Handling:
        """What people did with an incident of these groups (one at least).

        It is silenced as long as it is itself, or all of its groups are; a silence that has ended
        is none.
        """
        row, by, until_ms = self._row("handling", incident), None, None
        own_until_ms = optional_ms(row.silenced_until) if row else None
        if own_until_ms is not None and own_until_ms > self._clock_ms():
            by, until_ms = row.silenced_by, own_until_ms
        # Silences are rare: one row tells, as a rule.
        elif self._row("silenced", fingerprints[0]) is not None:
            silences = self._rows_of_all("silenced", fingerprints)
            if all(silences):
                first = min(silences, key=lambda one: one.silenced_until)
                by, until_ms = first.silenced_by, optional_ms(first.silenced_until)
        return Handling(
            acknowledged_by=row.acknowledged_by if row else None,
            acknowledged_ms=optional_ms(row.acknowledged_at) if row else None,
            silenced_by=by,
            silenced_until_ms=until_ms,
            feedback=row.feedback if row else None,
            feedback_by=row.feedback_by if row else None,
            feedback_source=row.feedback_source if row else None,
            feedback_analysed_ms=optional_ms(row.feedback_analysed_at) or 0 if row else 0,
            resolved_by=row.resolved_by if row else None,
            resolved_ms=optional_ms(row.resolved_at) if row else None,
        )
