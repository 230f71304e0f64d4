"""Caches answers of the model by group and evidence."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from cassandra.cluster import Session

from firstcause.incidents.view import IncidentView
from firstcause.storage.cassandra import prepare_all
from firstcause.storage.stored_time import datetime_from_ms, optional_ms
from log_analyzer.model.analysis_state import evidence_key
from log_analyzer.prompting.answer_schema import Confidence, RootCause

_CQL: Final = {
    "find": "SELECT * FROM model_answers WHERE fingerprint = ? AND evidence_digest = ?",
    "keep": "INSERT INTO model_answers (fingerprint, evidence_digest, incident_id, answered_at, "
    "model, root_cause, culprit_service, confidence, evidence_keys, actions) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
}


@dataclass(frozen=True, slots=True)
class EarlierAnswer:
    """An answer that was given before, cited log ids as those of the incident at hand."""

    answer: RootCause
    incident_id: UUID
    answered_ms: int
    model: str


class AnswerCache:
    """Answers in Cassandra, for 7 days; blocks, raises the driver's errors."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)

    def _execute(self, name: str, *values: object) -> Any:
        return self._session.execute(self._statements[name], values)

    def find(self, fingerprint: UUID, digest: str, view: IncidentView) -> EarlierAnswer | None:
        """The answer to the same question, its evidence found again among this incident's lines.

        None if there is none, or if a line that it rests on is not here.
        """
        row = self._execute("find", fingerprint, digest).one()
        if row is None:
            return None
        by_key: dict[str, str] = {}
        for one in view.evidence:
            by_key.setdefault(evidence_key(one.service_name, one.message), one.log_id)
        keys = list(row.evidence_keys or ())
        if any(key not in by_key for key in keys):
            return None
        answer = RootCause(
            root_cause=row.root_cause,
            culprit_service=row.culprit_service,
            confidence=cast("Confidence", row.confidence),
            evidence=[by_key[key] for key in keys],
            actions=list(row.actions or ()),
        )
        return EarlierAnswer(answer, row.incident_id, optional_ms(row.answered_at) or 0, row.model)

    def keep(
        self,
        fingerprint: UUID,
        digest: str,
        view: IncidentView,
        answer: RootCause,
        *,
        model: str,
        answered_ms: int,
    ) -> None:
        """Keeps a checked answer; of its evidence, the error lines. Writing again replaces it."""
        keys = {
            evidence_key(one.service_name, one.message): None
            for one in view.evidence
            if one.log_id in answer.evidence
        }
        self._execute(
            "keep",
            fingerprint,
            digest,
            view.incident_id,
            datetime_from_ms(answered_ms),
            model,
            answer.root_cause,
            answer.culprit_service,
            answer.confidence,
            list(keys),
            answer.actions,
        )
