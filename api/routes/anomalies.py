"""`/logs/anomalies`."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from alerting.log_anomaly import at_least
from api.answers.anomalies import LogAnomalies, log_anomalies
from api.reading.logs import LogFilter
from api.reading.paging import TypedTime, paged
from api.routes.context import READS, REFUSALS, context_of
from api.routes.logs import DEFAULT_SPAN, Name, Time
from firstcause.incidents.states import Severity

routes = APIRouter(tags=["logs"], dependencies=list(READS), responses=REFUSALS)


@routes.get("/logs/anomalies", response_model_exclude_none=True)
async def anomalies(
    request: Request,
    service: Annotated[list[Name], Query(max_length=50, description="All without it")] = [],  # noqa: B006
    start: Annotated[Time, Query(alias="from", description="An hour before `to`")] = None,
    end: Annotated[Time, Query(alias="to", description="Now")] = None,
    severity: Annotated[Severity, Query(description="At least")] = "low",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the last page")] = None,
) -> LogAnomalies:
    """Log events that are odd by their own fields, newest first, each with score and reasons."""
    context = context_of(request)
    names = tuple(dict.fromkeys(service))
    times = TypedTime(start, end, DEFAULT_SPAN)
    asked = paged(context.signer, ("anomalies", names, severity), times, cursor)
    wanted = LogFilter(names, asked.start, asked.end, anomalies=at_least(severity))
    page = await context.read(
        lambda stores, deadline: stores.logs.page(wanted, asked.after, limit, deadline.check)
    )
    return log_anomalies(page, asked.next_cursor(page.next))
