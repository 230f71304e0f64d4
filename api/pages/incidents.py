"""The pages of incidents: the list, one incident, and its buttons."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated, Final, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from api.answers.incidents import IncidentAnswer, incident_answer, incident_summary
from api.pages.drawing import error_series, path_drawing
from api.pages.rendering import address, page
from api.reading.incidents import (
    IncidentFilter,
    ToldIncident,
    incident_page,
    told_incident,
    whole_incident,
)
from api.reading.paging import TypedTime, paged
from api.routes.context import READS, Actor, context_of
from api.routes.incidents import acknowledge, judge, resolve, silence
from firstcause.storage.stored_time import datetime_from_ms

SPAN: Final = timedelta(days=90)
PAGE: Final = 30
SILENCES_MINUTES: Final = {"silence-1h": 60, "silence-24h": 24 * 60, "silence-off": 0}

Button = Literal[
    "ack", "unack", "resolve", "silence-1h", "silence-24h", "silence-off", "right", "wrong"
]
State = Literal["", "open", "resolved"]
Level = Literal["", "critical", "high", "medium", "low"]

routes = APIRouter(include_in_schema=False)


@routes.get("/", dependencies=list(READS))
async def start(request: Request) -> Response:
    """The list is the first page."""
    return RedirectResponse(address(request, "/ui/incidents"), 307)


@routes.get("/ui/incidents", dependencies=list(READS))
async def listed(
    request: Request,
    status: Annotated[State, Query()] = "",
    severity: Annotated[Level, Query()] = "",
    service: Annotated[str, Query(max_length=200)] = "",
    cursor: Annotated[str | None, Query()] = None,
    part: Annotated[bool, Query()] = False,
) -> Response:
    """The list, or with `part` only what is in it."""
    context = context_of(request)
    words = ("page", status, severity, service)
    asked = paged(context.signer, words, TypedTime(None, None, SPAN), cursor)
    wanted = IncidentFilter(
        asked.start, asked.end, service or None, status or None, severity or None
    )
    found = await context.read(
        lambda stores, deadline: incident_page(
            stores.incidents, wanted, asked.after, PAGE, deadline.check
        )
    )
    return page(
        request,
        "incident_rows.html" if part else "incidents.html",
        tab="incidents",
        incidents=[incident_summary(one) for one in found.found],
        following=asked.next_cursor(found.next),
        cursor=cursor,
        chosen={"status": status, "severity": severity, "service": service},
    )


@routes.get("/ui/incidents/{incident_id}", dependencies=list(READS))
async def shown_whole(request: Request, incident_id: UUID) -> Response:
    """One incident."""
    told = await context_of(request).read(
        lambda stores, _: whole_incident(
            stores.incidents, stores.alerts, stores.objectives, incident_id
        )
    )
    return _shown(request, told, "incident.html")


@routes.post("/ui/incidents/{incident_id}/{button}")
async def pressed(request: Request, incident_id: UUID, button: Button, who: Actor) -> Response:
    """Does what a button says, and shows what people did by now."""
    context = context_of(request)
    if button in SILENCES_MINUTES:
        await silence(context, incident_id, who, SILENCES_MINUTES[button])
    elif button in ("right", "wrong"):
        await judge(context, incident_id, who, "right" if button == "right" else "wrong")
    elif button == "resolve":
        await resolve(context, incident_id, who)
    else:
        await acknowledge(context, incident_id, who, undo=button == "unack")
    told = await context.read(lambda stores, _: told_incident(stores.incidents, incident_id))
    return _shown(request, told, "handling.html")


def _shown(request: Request, told: ToldIncident, template: str) -> Response:
    answer = incident_answer(told)
    return page(
        request,
        template,
        tab="incidents",
        incident=answer,
        path=path_drawing(answer.path),
        series=json.dumps(error_series(answer.error_minutes)),
        places=_places(request, told, answer),
    )


def _places(request: Request, told: ToldIncident, answer: IncidentAnswer) -> dict[str, str]:
    """Where each line that is known stands: on this page, else among its neighbours."""
    found: dict[str, str] = {}
    context = told.view.context
    for one in (*context.trace_logs, *context.logs_before) if context else ():
        at = datetime_from_ms(one.timestamp_ms).isoformat()
        found[one.log_id] = address(
            request, "/ui/logs/around", service=one.service_name, at=at, log_id=one.log_id
        )
    return found | {one.log_id: f"#log-{one.log_id}" for one in answer.evidence}
