"""`/alerts`, `/escalations`, `/objectives`, and the webhook of Alertmanager."""

from __future__ import annotations

import time
from datetime import timedelta
from http import HTTPStatus
from typing import Annotated, Any, Final, Literal

import structlog
from confluent_kafka import KafkaException
from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, Field

from api import metrics
from api.answers.alerts import (
    AlertAnswer,
    AlertList,
    AlertsTaken,
    EscalationAnswer,
    EscalationList,
)
from api.answers.objectives import Objectives, objective_answers
from api.guard.load import Deadline
from api.guard.problems import Problem, busy
from api.reading.alerts import (
    AlertFilter,
    AlertState,
    EscalationFilter,
    EscalationPage,
    alert_page,
    escalation_page,
)
from api.reading.paging import TypedTime, paged
from api.reading.stores import Stores
from api.routes.context import READS, REFUSALS, Sender, context_of
from api.routes.logs import Name, Time
from firstcause.alerts.alertmanager import FiringAlert, NoIncidentAlertError, message_of
from firstcause.incidents.states import Severity
from firstcause.storage.stored_time import ms_from_datetime

DEFAULT_SPAN: Final = timedelta(days=1)
ALERTS_A_CALL: Final = 1_000

_log = structlog.get_logger()


class WebhookAlert(BaseModel):
    """An alert as Alertmanager sends it; other fields are not looked at."""

    status: Literal["firing", "resolved"]
    labels: dict[str, str]
    annotations: dict[str, str] = Field(default_factory=dict)
    startsAt: AwareDatetime  # noqa: N815 - Alertmanager's name


class Webhook(BaseModel):
    """The body of Alertmanager's webhook, version 4; other fields are not looked at."""

    version: Literal["4"]
    alerts: list[WebhookAlert] = Field(max_length=ALERTS_A_CALL)


routes = APIRouter(tags=["alerts"], responses=REFUSALS)


@routes.get("/alerts", dependencies=list(READS), response_model_exclude_none=True)
async def alerts(
    request: Request,
    start: Annotated[Time, Query(alias="from", description="A day before `to`")] = None,
    end: Annotated[Time, Query(alias="to", description="Now")] = None,
    service: Annotated[Name | None, Query()] = None,
    severity: Annotated[Severity | None, Query()] = None,
    rule: Annotated[Name | None, Query()] = None,
    mode: Annotated[Literal["live", "shadow"] | None, Query()] = None,
    state: Annotated[AlertState | None, Query()] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the last page")] = None,
) -> AlertList:
    """Alerts by their onset, the latest first, a page at a time."""
    context = context_of(request)
    words = ("alerts", service, severity, rule, mode, state)
    asked = paged(context.signer, words, TypedTime(start, end, DEFAULT_SPAN), cursor)
    wanted = AlertFilter(asked.start, asked.end, service, severity, rule, mode, state)
    page = await context.read(
        lambda stores, deadline: alert_page(
            stores.alerts, wanted, asked.after, limit, deadline.check
        )
    )
    return AlertList(
        alerts=[AlertAnswer.of(one) for one in page.found],
        next_cursor=asked.next_cursor(page.next),
    )


@routes.get("/escalations", dependencies=list(READS), response_model_exclude_none=True)
async def escalations(
    request: Request,
    start: Annotated[Time, Query(alias="from", description="A day before `to`")] = None,
    end: Annotated[Time, Query(alias="to", description="Now")] = None,
    service: Annotated[Name | None, Query(description="All without it")] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the last page")] = None,
) -> EscalationList:
    """Escalations by their first alert, the latest first, a page at a time."""
    context = context_of(request)
    words = ("escalations", service)
    asked = paged(context.signer, words, TypedTime(start, end, DEFAULT_SPAN), cursor)

    def read(stores: Stores, deadline: Deadline) -> EscalationPage:
        names = [service] if service else sorted(stores.logs.services())
        wanted = EscalationFilter(names, asked.start, asked.end)
        return escalation_page(stores.escalations, wanted, asked.after, limit, deadline.check)

    page = await context.read(read)
    return EscalationList(
        escalations=[EscalationAnswer.of(one) for one in page.found],
        next_cursor=asked.next_cursor(page.next),
    )


@routes.get("/objectives", dependencies=list(READS), response_model_exclude_none=True)
async def objectives(
    request: Request,
    objective: Annotated[Name | None, Query(description="Its name")] = None,
    service: Annotated[Name | None, Query()] = None,
) -> Objectives:
    """How objectives stand: error budgets and burn rates, of the last minute that was counted."""
    found = await context_of(request).read(lambda stores, _: stores.objectives.latest(objective))
    wanted = [one for one in found if service in (None, one.service_name)]
    return Objectives(objectives=objective_answers(wanted))


@routes.post("/alerts/alertmanager")
async def alertmanager(request: Request, body: Webhook, who: Sender) -> AlertsTaken:
    """The webhook of Alertmanager: what fires goes to the topic `incident_alerts`.

    The same alert has the same id, so that a repetition counts once. Where some cannot be taken the
    others are, and the answer is 422 with a line for each that is not.
    """
    now_ms = time.time_ns() // 1_000_000
    messages, errors, resolved = _read(body, now_ms)
    context = context_of(request)
    if messages:
        try:
            await context.senders.run(lambda _: context.stores.send_alerts(messages))
        except KafkaException as error:
            _log.warning("alerts_not_sent", count=len(messages), error=str(error)[:300])
            raise busy("Kafka does not take alerts now: send them again.") from error
    for outcome, count in (
        ("sent", len(messages)),
        ("resolved", resolved),
        ("refused", len(errors)),
    ):
        metrics.ALERTS.labels(outcome).inc(count)
    if errors:
        _log.warning("alerts_refused", by=who.name, errors=errors[:20])
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            f"{len(errors)} of {len(body.alerts)} alerts cannot be taken; the others are.",
            errors=tuple(errors),
        )
    return AlertsTaken(sent=len(messages), resolved=resolved)


def _read(body: Webhook, now_ms: int) -> tuple[list[Any], list[str], int]:
    messages: list[Any] = []
    errors: list[str] = []
    resolved = 0
    for place, one in enumerate(body.alerts):
        if one.status == "resolved":
            resolved += 1
            continue
        try:
            starts_ms = ms_from_datetime(one.startsAt)
            messages.append(message_of(FiringAlert(one.labels, one.annotations, starts_ms), now_ms))
        except OverflowError:
            errors.append(f"alerts.{place}: startsAt is out of the calendar")
        except NoIncidentAlertError as error:
            errors.append(f"alerts.{place}: {error}")
    return messages, errors, resolved
