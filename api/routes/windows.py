"""`/kpi`, `/series`: what was measured of services."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request

from alerting.windows import WindowKind
from api.answers.windows import Kpi, Series, measures, service_measures, service_series
from api.guard.load import Deadline
from api.reading.key_figures import key_figures
from api.reading.stores import Stores
from api.reading.times import time_range
from api.reading.windows import WindowTime, kind_for, series
from api.routes.context import READS, REFUSALS, context_of
from api.routes.logs import Name, Time

DEFAULT_SPAN: Final = timedelta(hours=1)

routes = APIRouter(tags=["metrics"], dependencies=list(READS), responses=REFUSALS)


@routes.get("/kpi", response_model_exclude_none=True)
async def kpi(
    request: Request,
    start: Annotated[Time, Query(alias="from", description="An hour before `to`")] = None,
    end: Annotated[Time, Query(alias="to", description="Now")] = None,
    service: Annotated[list[Name], Query(max_length=200, description="All without it")] = [],  # noqa: B006
) -> Kpi:
    """Key figures of services over a time, of the stream's windows that begin in it."""
    since, until = time_range(start, end, DEFAULT_SPAN)
    asked = WindowTime(kind_for(since, until), since, until)

    def answer(stores: Stores, deadline: Deadline) -> Kpi:
        read = key_figures(stores, list(dict.fromkeys(service)), asked, deadline.check)
        total, each = read.found.total, read.found.each
        found = sorted(each, key=lambda one: (-one.errors, -one.events, one.service_name))
        return Kpi(
            start=since,
            end=until,
            window=asked.kind,
            total=None if total is None else measures(total),
            services=[service_measures(one) for one in found],
            open_alerts=dict(read.found.open_alerts),
            source=read.source,
            age_seconds=read.age_seconds,
        )

    return await context_of(request).read(answer)


@routes.get("/series", response_model_exclude_none=True)
async def over_time(
    request: Request,
    service: Annotated[list[Name], Query(min_length=1, max_length=50)],
    start: Annotated[Time, Query(alias="from", description="An hour before `to`")] = None,
    end: Annotated[Time, Query(alias="to", description="Now")] = None,
    window: Annotated[
        WindowKind | None, Query(description="1m up to two hours, else 5m, without it")
    ] = None,
) -> Series:
    """The windows of services over time."""
    since, until = time_range(start, end, DEFAULT_SPAN)
    asked = WindowTime(window or kind_for(since, until), since, until)
    names = list(dict.fromkeys(service))
    found = await context_of(request).read(
        lambda stores, deadline: series(stores.windows, names, asked, deadline.check)
    )
    told = [service_series(name, windows) for name, windows in found.items()]
    return Series(start=since, end=until, window=asked.kind, series=told)
