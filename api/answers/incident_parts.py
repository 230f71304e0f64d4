"""The parts of an incident as answers."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from firstcause.incidents.handling import Handling
from firstcause.incidents.records import EarlierIncident, SimilarIncident
from firstcause.incidents.view import (
    Analysis,
    ErrorGroup,
    ErrorMinute,
    Evidence,
    IncidentView,
    Suspect,
)
from firstcause.storage.stored_time import datetime_from_ms

# Of a line that says what two incidents share.
SHARED_CHARS: Final = 500


class AnalysisAnswer(BaseModel):
    """What was said about an incident."""

    source: str = Field(description="mistral or deterministic")
    root_cause: str
    culprit_service: str
    confidence: str
    evidence: list[str] = Field(description="Log ids that it cites")
    actions: list[str]
    note: str = Field(description="Why the model's answer is missing, where it is")
    model: str
    llm_calls: int
    llm_tokens: int
    analysed_at: datetime | None = None


class SuspectAnswer(BaseModel):
    """A service that may be the cause, and why."""

    service_name: str
    reasons: list[str]
    score: float = Field(description="Share of the failing traces that blame it, 0 to 1")
    departure: float = Field(description="Score against normal; 0: nothing was compared")
    log_ids: list[str] = Field(description="Lines that show it")


class PathAnswer(BaseModel):
    """How the fault spread over the services."""

    services: list[str] = Field(description="From the first suspect to the last that complains")
    hops: list[str] = Field(description="A sentence for each step, with the ids that show it")


class EvidenceLine(BaseModel):
    """An error that is kept with the incident."""

    log_id: str
    timestamp: datetime
    service_name: str
    level: str
    message: str
    error_code: str | None = None
    trace_id: str | None = None
    span_id: str | None = None

    @classmethod
    def of(cls, one: Evidence) -> Self:
        """An error as an answer."""
        return cls(
            log_id=one.log_id,
            timestamp=datetime_from_ms(one.timestamp_ms),
            service_name=one.service_name,
            level=one.level,
            message=one.message,
            error_code=one.error_code,
            trace_id=one.trace_id,
            span_id=one.span_id,
        )


class MinuteErrors(BaseModel):
    """Errors of one service in one minute of event time."""

    minute: datetime
    service_name: str
    errors: int

    @classmethod
    def of(cls, one: ErrorMinute) -> Self:
        """A minute as an answer."""
        minute = datetime_from_ms(one.minute_ms)
        return cls(minute=minute, service_name=one.service_name, errors=one.errors)


class GroupAnswer(BaseModel):
    """The errors of one service and one template."""

    fingerprint: UUID
    service_name: str
    template: str
    error_count: int
    first_seen: datetime
    last_seen: datetime

    @classmethod
    def of(cls, one: ErrorGroup) -> Self:
        """A group as an answer."""
        return cls(
            fingerprint=one.fingerprint,
            service_name=one.service_name,
            template=one.template,
            error_count=one.error_count,
            first_seen=datetime_from_ms(one.first_ms),
            last_seen=datetime_from_ms(one.last_ms),
        )


class Section(BaseModel):
    """A part of the report by the rules."""

    title: str
    lines: list[str]


class EarlierAnswer(BaseModel):
    """An earlier incident of the same groups, and what was said of it."""

    incident_id: UUID
    first_seen: datetime
    last_seen: datetime
    culprit_service: str
    root_cause: str
    confidence: str

    @classmethod
    def of(cls, one: EarlierIncident) -> Self:
        """An earlier incident as an answer."""
        return cls(
            incident_id=one.incident_id,
            first_seen=datetime_from_ms(one.first_ms),
            last_seen=datetime_from_ms(one.last_ms),
            culprit_service=one.culprit_service,
            root_cause=one.root_cause,
            confidence=one.confidence,
        )


class SimilarAnswer(EarlierAnswer):
    """An earlier incident that shows the same things, and what helped then."""

    similarity: float = Field(description="0 to 1: how much of what either shows both show")
    shared: list[str] = Field(description="What both show")
    is_confirmed: bool = Field(description="People said that its analysis is right")
    resolved_by: str | None = Field(default=None, description="Who ended it by hand")

    @classmethod
    def of_similar(cls, one: SimilarIncident) -> Self:
        """A similar incident as an answer."""
        return cls(
            **EarlierAnswer.of(one.incident).model_dump(),
            similarity=one.similarity,
            shared=[line[:SHARED_CHARS] for line in one.shared],
            is_confirmed=one.is_confirmed,
            resolved_by=one.resolved_by,
        )


class HandlingAnswer(BaseModel):
    """What people did with the incident."""

    acknowledged_by: str | None = None
    acknowledged_at: datetime | None = None
    silenced_by: str | None = None
    silenced_until: datetime | None = None
    resolved_by: str | None = None
    resolved_at: datetime | None = None
    feedback: Literal["right", "wrong"] | None = None
    feedback_by: str | None = None
    feedback_source: str | None = Field(default=None, description="Which analysis it judges")

    @classmethod
    def of(cls, one: Handling) -> Self:
        """Handling as an answer."""
        return cls(
            acknowledged_by=one.acknowledged_by,
            acknowledged_at=_moment(one.acknowledged_ms),
            silenced_by=one.silenced_by,
            silenced_until=_moment(one.silenced_until_ms),
            resolved_by=one.resolved_by,
            resolved_at=_moment(one.resolved_ms),
            feedback=one.feedback,
            feedback_by=one.feedback_by,
            feedback_source=one.feedback_source,
        )


def analysis_answer(one: Analysis) -> AnalysisAnswer:
    """An analysis as an answer."""
    return AnalysisAnswer(
        source=one.source,
        root_cause=one.root_cause,
        culprit_service=one.culprit_service,
        confidence=one.confidence,
        evidence=list(one.evidence),
        actions=list(one.actions),
        note=one.note,
        model=one.model,
        llm_calls=one.llm_calls,
        llm_tokens=one.llm_tokens,
        analysed_at=_moment(one.analysed_ms or None),
    )


def suspect_answer(one: Suspect) -> SuspectAnswer:
    """A suspect as an answer."""
    return SuspectAnswer(
        service_name=one.service_name,
        reasons=list(one.reasons),
        score=one.score,
        departure=one.departure,
        log_ids=list(one.log_ids),
    )


def path_answer(view: IncidentView) -> PathAnswer | None:
    """How it spread; None where nobody else complains."""
    ranking = view.context.ranking if view.context else None
    if ranking is None or len(ranking.path) < 2:  # noqa: PLR2004 - a path has two ends
        return None
    return PathAnswer(services=list(ranking.path), hops=list(ranking.hops))


def _moment(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else datetime_from_ms(at_ms)
