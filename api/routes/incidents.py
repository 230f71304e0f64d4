"""`/incidents`, `/incidents/{incident_id}`, and what people do with one."""

from __future__ import annotations

import time
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from api.answers.incidents import (
    Done,
    IncidentAnswer,
    IncidentList,
    incident_answer,
    incident_summary,
)
from api.guard.identity import Principal
from api.guard.problems import Problem
from api.reading.incidents import IncidentFilter, incident_page, told_incident, whole_incident
from api.reading.paging import TypedTime, paged
from api.routes.context import READS, REFUSALS, Actor, Context, context_of
from api.routes.logs import Name, Time
from firstcause.incidents.human_actions import (
    PERSON_CHARS,
    Acknowledgement,
    AcknowledgementUndone,
    Action,
    Feedback,
    Resolution,
    Silence,
)
from firstcause.incidents.states import Severity, Status
from firstcause.text.plain_text import plain_line

DEFAULT_SPAN: Final = timedelta(days=90)
LONGEST_SILENCE_MINUTES: Final = 90 * 24 * 60


class _Change(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AckRequest(_Change):
    """Somebody takes care of the incident, or does no more."""

    undo: bool = False


class SilenceRequest(_Change):
    """Nobody wants to hear of the incident for a time; 0 ends a silence."""

    minutes: int = Field(ge=0, le=LONGEST_SILENCE_MINUTES)


class FeedbackRequest(_Change):
    """Whether the analysis that is shown now is right."""

    verdict: Literal["right", "wrong"]


routes = APIRouter(tags=["incidents"], responses=REFUSALS)


@routes.get("/incidents", dependencies=list(READS), response_model_exclude_none=True)
async def incidents(
    request: Request,
    start: Annotated[Time, Query(alias="from", description="90 days before `to`")] = None,
    end: Annotated[Time, Query(alias="to", description="Now")] = None,
    service: Annotated[Name | None, Query(description="One that it touches")] = None,
    status: Annotated[Status | None, Query()] = None,
    severity: Annotated[Severity | None, Query()] = None,
    merged: Annotated[bool, Query(description="Also those merged into another")] = False,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the last page")] = None,
) -> IncidentList:
    """Incidents by when they opened, newest first, a page at a time.

    A page may be shorter than its limit, also empty, where a filter leaves many out: go on
    while there is a cursor.
    """
    context = context_of(request)
    words = ("incidents", service, status, severity, merged)
    asked = paged(context.signer, words, TypedTime(start, end, DEFAULT_SPAN), cursor)
    wanted = IncidentFilter(asked.start, asked.end, service, status, severity, merged)
    page = await context.read(
        lambda stores, deadline: incident_page(
            stores.incidents, wanted, asked.after, limit, deadline.check
        )
    )
    found = [incident_summary(one) for one in page.found]
    return IncidentList(incidents=found, next_cursor=asked.next_cursor(page.next))


@routes.get("/incidents/{incident_id}", dependencies=list(READS), response_model_exclude_none=True)
async def incident(request: Request, incident_id: UUID) -> IncidentAnswer:
    """One incident whole: evidence, path, analyses, messages, suspects."""
    told = await context_of(request).read(
        lambda stores, _: whole_incident(
            stores.incidents, stores.alerts, stores.objectives, incident_id
        )
    )
    return incident_answer(told)


@routes.post("/incidents/{incident_id}/ack")
async def ack(
    request: Request,
    incident_id: UUID,
    body: AckRequest,
    who: Actor,
) -> Done:
    """Tell the others that you take care of an incident; `undo` takes it back."""
    return await acknowledge(context_of(request), incident_id, who, undo=body.undo)


@routes.post("/incidents/{incident_id}/silence")
async def silence_incident(
    request: Request,
    incident_id: UUID,
    body: SilenceRequest,
    who: Actor,
) -> Done:
    """Post nothing about new incidents of the same errors for a time; they are stored."""
    return await silence(context_of(request), incident_id, who, body.minutes)


@routes.post("/incidents/{incident_id}/resolve")
async def resolve_incident(
    request: Request,
    incident_id: UUID,
    who: Actor,
) -> Done:
    """Say that an incident is over; errors that go on open it again."""
    return await resolve(context_of(request), incident_id, who)


@routes.post("/incidents/{incident_id}/feedback")
async def judge_analysis(
    request: Request,
    incident_id: UUID,
    body: FeedbackRequest,
    who: Actor,
) -> Done:
    """Say whether the analysis that an incident shows now is right."""
    return await judge(context_of(request), incident_id, who, body.verdict)


async def acknowledge(context: Context, incident: UUID, who: Principal, *, undo: bool) -> Done:
    """Acknowledges, or takes that back. Raises Problem 404, 503, 504, as the others here."""
    by, now_ms = _person(who), _now_ms()
    kind = AcknowledgementUndone if undo else Acknowledgement
    await _apply(context, kind(incident, by, now_ms))
    return Done(incident_id=incident, done="unacknowledged" if undo else "acknowledged", by=by)


async def silence(context: Context, incident: UUID, who: Principal, minutes: int) -> Done:
    """Silences for so many minutes; 0 ends a silence."""
    by, now_ms = _person(who), _now_ms()
    await _apply(context, Silence(incident, by, now_ms, now_ms + minutes * 60_000))
    return Done(incident_id=incident, done="silenced" if minutes else "unsilenced", by=by)


async def resolve(context: Context, incident: UUID, who: Principal) -> Done:
    """Resolves by hand."""
    by = _person(who)
    await _apply(context, Resolution(incident, by, _now_ms()))
    return Done(incident_id=incident, done="resolved", by=by)


async def judge(
    context: Context, incident: UUID, who: Principal, verdict: Literal["right", "wrong"]
) -> Done:
    """Judges the analysis that is shown now."""
    told = await context.read(lambda stores, _: told_incident(stores.incidents, incident))
    analysis, by = told.headline.analysis, _person(who)
    said = Feedback(incident, by, _now_ms(), verdict, analysis.source, analysis.analysed_ms)
    await _apply(context, said)
    return Done(incident_id=incident, done="judged", by=by)


async def _apply(context: Context, action: Action) -> None:
    if not await context.read(lambda stores, _: stores.incidents.apply(action)):
        raise Problem(HTTPStatus.NOT_FOUND, f"There is no incident {action.incident_id}.")


def _person(who: Principal) -> str:
    return plain_line(who.name, PERSON_CHARS)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
