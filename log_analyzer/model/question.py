"""Asks the model about one incident: cache, call limit, budget, breaker."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

import structlog

from firstcause.incidents.view import Analysis, IncidentView
from firstcause.text.event_time import clock
from log_analyzer import metrics
from log_analyzer.incident_history.reader import IncidentReader
from log_analyzer.model.analysis_state import evidence_digest
from log_analyzer.model.answers import earned, fits_another, is_marked_wrong, text_of
from log_analyzer.model.breaker import CircuitBreaker
from log_analyzer.model.budget import Charge, ModelBudget, Outcome, OverBudgetError
from log_analyzer.model.cache import AnswerCache
from log_analyzer.model.mistral_client import (
    ModelAnswer,
    ModelFailedError,
    call_tokens,
)
from log_analyzer.prompting.renderer import Prompt, PromptTemplates
from log_analyzer.redaction.redactor import Redacted
from log_analyzer.report.deterministic import deterministic_report
from log_analyzer.report.sections import suspect_names

RETRY_FIRST_MS: Final = 15_000
LATER_MS: Final = 900_000

_log = structlog.get_logger()


class Model(Protocol):
    """What is asked for a root cause."""

    name: str

    def ask(self, prompt: Redacted, log_ids: set[str], services: set[str]) -> ModelAnswer:
        """One checked answer; blocks. Raises ModelFailedError."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The result of a question. `again_ms`: there was no answer; ask again after this time."""

    analysis: Analysis
    again_ms: int | None = None


class Questioner:
    """Asks about one incident at a time in each thread; blocks up to two minutes.

    The order keeps the bill low: an earlier answer to the same question, the incident's own limit
    of calls, the budget, the breaker, and only then a call.
    """

    def __init__(
        self,
        *,
        model: Model,
        prompts: PromptTemplates,
        budget: ModelBudget,
        cache: AnswerCache,
        breaker: CircuitBreaker,
        reader: IncidentReader,
        calls_per_incident: int,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._model = model
        self._prompts = prompts
        self._budget = budget
        self._cache = cache
        self._breaker = breaker
        self._reader = reader
        self._calls_per_incident = calls_per_incident
        self._clock_ms = clock_ms

    def ask(self, view: IncidentView, state: str) -> Reply:
        """The analysis of an incident's state. Raises the driver's errors."""
        prompt = self._prompts.render(view)
        question = f"{self._model.name} {prompt.template} {prompt.templates}"
        digest = evidence_digest(view, question)
        earlier = self._earlier(view, state, digest)
        if earlier is not None:
            return Reply(earlier)
        limited = self._call_limit(view, state)
        if limited is not None:
            return limited
        if self._breaker.wait_seconds() > 0:
            return self._not_now(view)
        estimate = call_tokens(prompt.text)
        try:
            charge = self._budget.reserve(view.incident_id, self._model.name, estimate, "analysis")
        except OverBudgetError as error:
            metrics.MODEL_CALLS.labels(outcome="over_budget").inc()
            wait_ms = int(error.free_at.timestamp() * 1000) - self._clock_ms()
            why = f"the budget of {error} is used up"
            return Reply(self._without_model(view, why), max(RETRY_FIRST_MS, wait_ms))
        if not self._breaker.allow():
            self._budget.settle(charge, "unavailable", 0)
            return self._not_now(view)
        return self._call(view, state, prompt, charge, digest)

    def _call_limit(self, view: IncidentView, state: str) -> Reply | None:
        calls, most = self._budget.calls_of(view.incident_id), self._calls_per_incident
        if calls.answered + calls.came_to_nothing < most:
            return None
        metrics.MODEL_CALLS.labels(outcome="call_limit").inc()
        if calls.answered >= most:
            return Reply(self._without_model(view, f"its {most} calls are used up", state=state))
        why = "the model gave no answer in time; it is asked again within the hour"
        return Reply(self._without_model(view, why), LATER_MS)

    def _call(
        self, view: IncidentView, state: str, prompt: Prompt, charge: Charge, digest: str
    ) -> Reply:
        healthy = False
        asked_seconds: float | None = None
        estimate = call_tokens(prompt.text)
        try:
            with metrics.MODEL_CALLS_RUNNING.track_inprogress():
                answer = self._model.ask(
                    prompt.text,
                    set(prompt.log_ids),
                    {view.service_name, *view.services, *suspect_names(view)},
                )
            healthy = True
        except ModelFailedError as error:
            healthy, asked_seconds = not error.unavailable, error.asked_seconds
            return self._failed(view, state, charge, estimate, error)
        finally:
            if healthy:
                self._breaker.succeeded()
            else:
                self._breaker.failed(asked_seconds)
        self._budget.settle(
            charge,
            "answered",
            answer.tokens,
            requests=answer.calls,
            input_tokens=answer.input_tokens,
            output_tokens=answer.output_tokens,
        )
        metrics.MODEL_CALLS.labels(outcome="answered").inc()
        analysis = self._answered(view, state, prompt, answer)
        if fits_another(view, answer):
            self._cache.keep(
                view.fingerprint,
                digest,
                view,
                answer.answer,
                model=self._model.name,
                answered_ms=analysis.analysed_ms,
            )
        return Reply(analysis)

    def _answered(
        self, view: IncidentView, state: str, prompt: Prompt, answer: ModelAnswer
    ) -> Analysis:
        found = answer.answer
        return Analysis(
            source="mistral",
            root_cause=found.root_cause,
            culprit_service=found.culprit_service,
            confidence=earned(view, found.culprit_service, found.confidence),
            evidence=tuple(found.evidence),
            actions=tuple(found.actions),
            struck_out=answer.struck_out,
            model=self._model.name,
            llm_calls=answer.calls,
            llm_tokens=answer.tokens,
            analysed_ms=self._clock_ms(),
            state=state,
            originals=prompt.redactor.kept_of(text_of(found)),
        )

    def _failed(
        self,
        view: IncidentView,
        state: str,
        charge: Charge,
        estimate: int,
        error: ModelFailedError,
    ) -> Reply:
        outcome: Outcome = "unavailable" if error.free else "invalid"
        if error.unavailable and not error.free:
            outcome = "timeout"
        # What a failed call cost is unknown unless it cost nothing; the estimate stays charged.
        tokens = 0 if error.free else estimate
        self._budget.settle(charge, outcome, tokens, requests=error.calls)
        metrics.MODEL_CALLS.labels(outcome=outcome).inc()
        _log.warning("model_failed", incident_id=str(view.incident_id), reason=str(error))
        analysis = self._without_model(view, f"the model did not help ({error})")
        analysis = replace(analysis, llm_calls=error.calls, llm_tokens=tokens)
        if error.unavailable:
            wait_ms = int(self._breaker.wait_seconds() * 1_000)
            return Reply(analysis, max(RETRY_FIRST_MS, wait_ms))
        return Reply(replace(analysis, state=state))

    def _earlier(self, view: IncidentView, state: str, digest: str) -> Analysis | None:
        found = self._cache.find(view.fingerprint, digest, view)
        if found is None:
            return None
        other = found.incident_id != view.incident_id
        source = self._reader.read(found.incident_id) if other else view
        if source is not None and is_marked_wrong(source, found.answered_ms):
            return None
        # Of this incident any answer will do that people refused: it may have come from there.
        if view.handling.feedback == "wrong" and view.handling.feedback_source == "mistral":
            return None
        metrics.MODEL_CALLS.labels(outcome="from_cache").inc()
        of = f"incident {found.incident_id}" if other else "this incident"
        return Analysis(
            source="mistral",
            root_cause=found.answer.root_cause,
            culprit_service=found.answer.culprit_service,
            confidence=earned(view, found.answer.culprit_service, found.answer.confidence),
            evidence=tuple(found.answer.evidence),
            actions=tuple(found.answer.actions),
            note=f"From an earlier answer: {of}, {clock(found.answered_ms)}.",
            model=found.model,
            analysed_ms=self._clock_ms(),
            state=state,
        )

    def _not_now(self, view: IncidentView) -> Reply:
        metrics.MODEL_CALLS.labels(outcome="breaker_open").inc()
        wait_ms = int(self._breaker.wait_seconds() * 1_000)
        why = "the model does not answer at the moment; it is asked again"
        return Reply(self._without_model(view, why), max(1_000, wait_ms))

    def _without_model(self, view: IncidentView, why: str, state: str = "") -> Analysis:
        report = deterministic_report(view, f"Deterministic report: {why}.")
        return replace(report, model=self._model.name, analysed_ms=self._clock_ms(), state=state)
