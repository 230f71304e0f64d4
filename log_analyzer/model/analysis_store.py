"""Stores analyses in Cassandra, and the claims of who makes them."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from cassandra.cluster import Session

from firstcause.derived_ids import derived_id
from firstcause.incidents.view import Analysis
from firstcause.storage.cassandra import prepare_all
from firstcause.storage.stored_time import datetime_from_ms

_CQL: Final = {
    "claim": "INSERT INTO analysis_claims (incident_id, owner) VALUES (?, ?) IF NOT EXISTS",
    "release": "DELETE FROM analysis_claims WHERE incident_id = ? IF owner = ?",
    "analysis": "INSERT INTO incident_analyses (incident_id, analysis_id, analysed_at, source, "
    "root_cause, culprit_service, confidence, evidence, struck_out, actions, note, model, "
    "llm_calls, llm_tokens, state, originals) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
}


class AnalysisStore:
    """Analyses and claims in Cassandra; blocks, raises the driver's errors."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)

    def _execute(self, name: str, *values: object) -> Any:
        return self._session.execute(self._statements[name], values)

    def claim(self, incident: UUID, owner: str) -> bool:
        """True for the one instance that may ask now; a claim ends after three minutes."""
        return bool(self._execute("claim", incident, owner).was_applied)

    def release(self, incident: UUID, owner: str) -> None:
        """Gives a claim back; that of another stays."""
        self._execute("release", incident, owner)

    def write(self, incident: UUID, analysis: Analysis) -> None:
        """Stores an analysis; one of the same source and state is replaced."""
        self._execute(
            "analysis",
            incident,
            derived_id("analysis", str(incident), analysis.source, analysis.state),
            datetime_from_ms(analysis.analysed_ms),
            analysis.source,
            analysis.root_cause,
            analysis.culprit_service,
            analysis.confidence,
            list(analysis.evidence),
            list(analysis.struck_out),
            list(analysis.actions),
            analysis.note,
            analysis.model,
            analysis.llm_calls,
            analysis.llm_tokens,
            analysis.state,
            dict(analysis.originals),
        )
