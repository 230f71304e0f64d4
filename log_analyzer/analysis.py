"""Brings the model's word on each incident once, within the token budget, beside the loop."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Protocol
from uuid import UUID

import structlog
from cassandra.cluster import Session

from firstcause.identity import derived_id
from log_analyzer import metrics
from log_analyzer.incident_reader import IncidentReader
from log_analyzer.incident_store import moment, prepare_all
from log_analyzer.incident_view import Analysis, IncidentView
from log_analyzer.model import ModelAnswer, ModelFailedError, estimated_tokens
from log_analyzer.outbox import MessageOutbox
from log_analyzer.prompts import PromptTemplates
from log_analyzer.report import deterministic_report

ASKED_KEPT: Final = 20_000

_CQL: Final = {
    "claim": "INSERT INTO analysis_claims (incident_id, owner) VALUES (?, ?) IF NOT EXISTS",
    "usage": "SELECT tokens FROM llm_usage WHERE hour = ?",
    "charge": "INSERT INTO llm_usage (hour, call_id, incident_id, model, tokens, called_at) "
    "VALUES (?, ?, ?, ?, ?, ?)",
    "analysis": "INSERT INTO incident_analyses (incident_id, analysis_id, analysed_at, source, "
    "root_cause, culprit_service, confidence, evidence, struck_out, actions, note, model, "
    "llm_calls, llm_tokens) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
}

_log = structlog.get_logger()


class Model(Protocol):
    """What is asked for a root cause."""

    name: str

    def ask(self, prompt: str, log_ids: set[str], services: set[str]) -> ModelAnswer:
        """One checked answer; blocks. Raises ModelFailedError."""


@dataclass(frozen=True, slots=True)
class Charge:
    """Tokens reserved in the budget for one call."""

    hour: datetime
    call_id: UUID
    incident_id: UUID


class AnalysisStore:
    """Analyses, claims and token usage in Cassandra; blocks, raises the driver's errors."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)

    def _execute(self, name: str, *values: object) -> Any:
        return self._session.execute(self._statements[name], values)

    def claim(self, incident: UUID, owner: str) -> bool:
        """True for the one instance that may ask now; a claim ends after three minutes."""
        return bool(self._execute("claim", incident, owner).was_applied)

    def charge(self, charge: Charge, model: str, tokens: int) -> None:
        """Writes what a call costs; writing again replaces the figure."""
        now = datetime.now(UTC)
        self._execute("charge", charge.hour, charge.call_id, charge.incident_id, model, tokens, now)

    def used(self, hour: datetime) -> int:
        """Tokens charged to an hour, by all instances."""
        return sum(row.tokens or 0 for row in self._execute("usage", hour))

    def write(self, incident: UUID, analysis: Analysis, attempt: str) -> None:
        """Stores an analysis; the same source and attempt replaces it."""
        self._execute(
            "analysis",
            incident,
            derived_id("analysis", str(incident), analysis.source, attempt),
            moment(analysis.analysed_ms),
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
        )


class AnalysisWorker:
    """Asks the model about each incident whose first notice is out, once an incident.

    The outcome is stored either way: the answer, or why there is none. A crash in between
    ends the claim after three minutes, and the incident is asked about again.
    """

    def __init__(
        self,
        *,
        store: AnalysisStore,
        outbox: MessageOutbox,
        reader: IncidentReader,
        prompts: PromptTemplates,
        model: Model,
        tokens_per_hour: int,
        owner: str,
        changed: Callable[[UUID], None] = lambda _: None,
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._reader = reader
        self._prompts = prompts
        self._model = model
        self._tokens_per_hour = tokens_per_hour
        self._owner = owner
        self._changed = changed
        self._asked: set[UUID] = set()

    def run_once(self) -> None:
        """Asks about every incident that waits for it. Raises the driver's errors."""
        if len(self._asked) > ASKED_KEPT:
            self._asked.clear()
        for incident in self._outbox.in_state("live"):
            if incident in self._asked:
                continue
            view = self._reader.read(incident)
            if view is None:
                continue
            if view.stored_analysis is None:
                if not self._store.claim(incident, self._owner):
                    continue
                self._store.write(incident, self._analyse(view), attempt="1")
                self._changed(incident)
            self._asked.add(incident)

    def _analyse(self, view: IncidentView) -> Analysis:
        prompt = self._prompts.render(view)
        estimate = estimated_tokens(prompt)
        hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        charge = Charge(hour, uuid.uuid4(), view.incident_id)
        # Reserved first and added up after, so that two instances never both fit in alone.
        self._store.charge(charge, self._model.name, estimate)
        if self._store.used(hour) > self._tokens_per_hour:
            self._store.charge(charge, self._model.name, 0)
            metrics.MODEL_CALLS.labels(outcome="over_budget").inc()
            budget = f"{self._tokens_per_hour:,} tokens an hour"
            return self._without_model(view, f"the budget of {budget} is used up", 0, 0)
        try:
            answer = self._model.ask(
                prompt,
                {one.log_id for one in view.evidence},
                {view.service_name, *view.services, *view.suspects},
            )
        except ModelFailedError as error:
            # What a failed call cost is unknown; the estimate stays charged.
            metrics.MODEL_CALLS.labels(outcome="failed").inc()
            _log.warning("model_failed", incident_id=str(view.incident_id), reason=str(error))
            return self._without_model(
                view, f"the model did not help ({error})", error.calls, estimate
            )
        self._store.charge(charge, self._model.name, answer.tokens)
        metrics.MODEL_CALLS.labels(outcome="answered").inc()
        metrics.MODEL_TOKENS.inc(answer.tokens)
        found = answer.answer
        return Analysis(
            source="mistral",
            root_cause=found.root_cause,
            culprit_service=found.culprit_service,
            confidence=found.confidence,
            evidence=tuple(found.evidence),
            actions=tuple(found.actions),
            struck_out=answer.struck_out,
            model=self._model.name,
            llm_calls=answer.calls,
            llm_tokens=answer.tokens,
            analysed_ms=time.time_ns() // 1_000_000,
        )

    def _without_model(self, view: IncidentView, why: str, calls: int, tokens: int) -> Analysis:
        report = deterministic_report(view, f"Deterministic report: {why}.")
        return Analysis(
            source=report.source,
            root_cause=report.root_cause,
            culprit_service=report.culprit_service,
            confidence=report.confidence,
            evidence=report.evidence,
            actions=report.actions,
            note=report.note,
            model=self._model.name,
            llm_calls=calls,
            llm_tokens=tokens,
            analysed_ms=time.time_ns() // 1_000_000,
        )
