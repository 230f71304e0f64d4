"""Answers on incidents."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from api.answers.alerts import AlertAnswer, EscalationAnswer
from api.answers.incident_parts import (
    AnalysisAnswer,
    EarlierAnswer,
    EvidenceLine,
    GroupAnswer,
    HandlingAnswer,
    MinuteErrors,
    PathAnswer,
    Section,
    SimilarAnswer,
    SuspectAnswer,
    analysis_answer,
    path_answer,
    suspect_answer,
)
from api.answers.objectives import ObjectiveAnswer, objective_answers
from api.reading.incidents import ListedIncident, ToldIncident
from firstcause.incidents.states import Severity, Status
from firstcause.storage.stored_time import datetime_from_ms


class IncidentSummary(BaseModel):
    """An incident in a list."""

    incident_id: UUID
    status: Status
    severity: Severity
    title: str
    suspects: list[str] = Field(description="Services, the most likely first")
    services: list[str]
    error_count: int = Field(description="Errors, alerts among them")
    alert_count: int = Field(description="How many of these are alerts")
    first_seen: datetime
    last_seen: datetime
    root_cause: str = Field(description="Of the analysis that is shown now")
    confidence: str
    source: str = Field(description="mistral or deterministic")
    acknowledged_by: str | None = None
    silenced_until: datetime | None = None
    merged_into: UUID | None = None


class IncidentList(BaseModel):
    """A page of incidents, newest first."""

    incidents: list[IncidentSummary]
    next_cursor: str | None = Field(default=None, description="Gives the next page; absent: end")


class MessageAnswer(BaseModel):
    """The incident's message: where it stands in the outbox, and its text without markup."""

    state: str | None = Field(default=None, description="Absent: there is none yet")
    channel: str | None = None
    sends: int = 0
    last_error: str | None = None
    text: str


class IncidentAnswer(IncidentSummary):
    """An incident whole."""

    analysis: AnalysisAnswer = Field(description="What is shown now")
    analyses: list[AnalysisAnswer] = Field(description="All that are stored")
    suspects_with_reasons: list[SuspectAnswer]
    path: PathAnswer | None = Field(default=None, description="From the first suspect on")
    evidence: list[EvidenceLine]
    error_minutes: list[MinuteErrors]
    groups: list[GroupAnswer]
    sections: list[Section] = Field(description="The report by the rules")
    earlier: list[EarlierAnswer] = Field(description="Earlier incidents of the same groups")
    similar: list[SimilarAnswer] = Field(
        description="Earlier incidents that show the same things, the most similar first"
    )
    alerts: list[AlertAnswer] = Field(description="Of its services while it lasted, oldest first")
    objectives: list[ObjectiveAnswer] = Field(
        description="How those of its services stand, where that was counted since it began"
    )
    escalations: list[EscalationAnswer] = Field(description="Of its services while it lasted")
    handling: HandlingAnswer
    message: MessageAnswer
    reopened: bool
    resolved_at: datetime | None = None
    worst_severity: Severity | None = None


class Done(BaseModel):
    """What a change left behind."""

    incident_id: UUID
    done: Literal["acknowledged", "unacknowledged", "silenced", "unsilenced", "resolved", "judged"]
    by: str


def incident_summary(told: ListedIncident) -> IncidentSummary:
    """An incident for a list."""
    return IncidentSummary(**_summary(told))


def incident_answer(told: ToldIncident) -> IncidentAnswer:
    """An incident whole."""
    view, report = told.view, told.report
    sent = view.message
    return IncidentAnswer(
        **_summary(told),
        analysis=analysis_answer(told.headline.analysis),
        analyses=[analysis_answer(one) for one in view.analyses],
        suspects_with_reasons=[suspect_answer(one) for one in told.headline.suspects],
        path=path_answer(view),
        evidence=[EvidenceLine.of(one) for one in view.evidence],
        error_minutes=[MinuteErrors.of(one) for one in view.error_minutes],
        groups=[GroupAnswer.of(one) for one in view.groups],
        sections=[Section(title=title, lines=list(lines)) for title, lines in report.sections],
        earlier=[EarlierAnswer.of(one) for one in view.earlier],
        similar=[SimilarAnswer.of_similar(one) for one in told.similar],
        alerts=[AlertAnswer.of(one) for one in told.alerts],
        objectives=objective_answers(told.objectives),
        escalations=[EscalationAnswer.of(one) for one in view.escalations],
        handling=HandlingAnswer.of(view.handling),
        message=MessageAnswer(
            state=sent.state if sent else None,
            channel=sent.channel if sent else None,
            sends=sent.sends if sent else 0,
            last_error=sent.last_error if sent else None,
            text=report.message,
        ),
        reopened=view.reopened,
        resolved_at=None if view.resolved_ms is None else datetime_from_ms(view.resolved_ms),
        worst_severity=view.worst,
    )


def _summary(told: ListedIncident) -> dict[str, Any]:
    view, analysis = told.view, told.headline.analysis
    silenced_ms = view.handling.silenced_until_ms
    return {
        "incident_id": view.incident_id,
        "status": view.status,
        "severity": view.severity,
        "title": view.title,
        "suspects": [one.service_name for one in told.headline.suspects],
        "services": list(view.services),
        "error_count": view.error_count,
        "alert_count": told.headline.alerts,
        "first_seen": datetime_from_ms(view.first_ms),
        "last_seen": datetime_from_ms(view.last_ms),
        "root_cause": analysis.root_cause,
        "confidence": analysis.confidence,
        "source": analysis.source,
        "acknowledged_by": view.handling.acknowledged_by,
        "silenced_until": None if silenced_ms is None else datetime_from_ms(silenced_ms),
        "merged_into": view.merged_into,
    }
