"""What people did with incidents, in Cassandra: plain upserts, the last word counts."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from cassandra.cluster import Session

from log_analyzer.actions import Acknowledgement, Action, Feedback, Silence
from log_analyzer.incident_store import milliseconds, moment, prepare_all
from log_analyzer.incident_view import Handling

LONGEST_SILENCE_SECONDS: Final = 7_776_000

_CQL: Final = {
    "fingerprint": "SELECT fingerprint FROM incidents WHERE incident_id = ?",
    "acknowledge": "INSERT INTO incident_handling (incident_id, acknowledged_by, acknowledged_at) "
    "VALUES (?, ?, ?)",
    "feedback": "INSERT INTO incident_handling (incident_id, feedback, feedback_by, feedback_at, "
    "feedback_source, feedback_analysed_at) VALUES (?, ?, ?, ?, ?, ?)",
    "silence": "INSERT INTO silences (fingerprint, silenced_by, silenced_at, silenced_until, "
    "incident_id) VALUES (?, ?, ?, ?, ?) USING TTL ?",
    "unsilence": "DELETE FROM silences WHERE fingerprint = ?",
    "handling": "SELECT * FROM incident_handling WHERE incident_id = ?",
    "silenced": "SELECT * FROM silences WHERE fingerprint = ?",
}


class HandlingStore:
    """Handling of incidents. Every method blocks and raises the driver's errors."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)

    def _row(self, name: str, *values: object) -> Any:
        return self._session.execute(self._statements[name], values).one()

    def apply(self, action: Action) -> bool:
        """Stores an action; doing it again changes nothing. False: there is no such incident."""
        found = self._row("fingerprint", action.incident_id)
        if found is None or found.fingerprint is None:
            return False
        match action:
            case Acknowledgement(incident, by, at_ms):
                self._row("acknowledge", incident, by, moment(at_ms))
            case Silence():
                self._silence(found.fingerprint, action)
            case Feedback(incident, by, at_ms, verdict, source, analysed_ms):
                analysed = moment(analysed_ms) if analysed_ms else None
                at = moment(at_ms)
                self._row("feedback", incident, verdict, by, at, source, analysed)
        return True

    def _silence(self, fingerprint: UUID, silence: Silence) -> None:
        seconds = (silence.until_ms - silence.at_ms) // 1_000
        if seconds <= 0:
            self._row("unsilence", fingerprint)
            return
        self._row(
            "silence",
            fingerprint,
            silence.by,
            moment(silence.at_ms),
            moment(silence.until_ms),
            silence.incident_id,
            min(seconds, LONGEST_SILENCE_SECONDS),
        )

    def of(self, incident: UUID, fingerprint: UUID) -> Handling:
        """What people did with an incident; a silence that has ended is none."""
        row, silence = self._row("handling", incident), self._row("silenced", fingerprint)
        return Handling(
            acknowledged_by=row.acknowledged_by if row else None,
            acknowledged_ms=milliseconds(row.acknowledged_at) if row else None,
            silenced_by=silence.silenced_by if silence else None,
            silenced_until_ms=milliseconds(silence.silenced_until) if silence else None,
            feedback=row.feedback if row else None,
            feedback_by=row.feedback_by if row else None,
        )
