"""`/patterns`, `/patterns/diff`: the templates of all logs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request

from api.answers.patterns import PatternDiff, Patterns, pattern_changes, pattern_counts
from api.reading.patterns import PatternTime, changed_patterns, patterns_of, time_before
from api.reading.times import time_range
from api.routes.context import READS, REFUSALS, context_of
from api.routes.logs import Name, Time

DEFAULT_SPAN: Final = timedelta(hours=1)

routes = APIRouter(tags=["patterns"], dependencies=list(READS), responses=REFUSALS)


@routes.get("/patterns", response_model_exclude_none=True)
async def patterns(
    request: Request,
    start: Annotated[Time, Query(alias="from", description="An hour before `to`")] = None,
    end: Annotated[Time, Query(alias="to", description="Now")] = None,
    service: Annotated[Name | None, Query(description="All without it")] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> Patterns:
    """The templates that were met in a time, of whole minutes, the most frequent first."""
    since, until = time_range(start, end, DEFAULT_SPAN)
    asked = PatternTime(since, since, until, service)
    found = await context_of(request).read(
        lambda stores, deadline: patterns_of(stores.patterns, asked, deadline.check)
    )
    return Patterns(
        start=since, end=until, total=len(found), patterns=pattern_counts(found[:limit])
    )


@routes.get("/patterns/diff", response_model_exclude_none=True)
async def diff(
    request: Request,
    start: Annotated[Time, Query(alias="from", description="Since when; an hour ago")] = None,
    end: Annotated[Time, Query(alias="to", description="Now")] = None,
    before: Annotated[
        Time, Query(description="Compared with the time from here to `from`; as long without it")
    ] = None,
    service: Annotated[Name | None, Query(description="All without it")] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
) -> PatternDiff:
    """Templates that are new, gone or shifted since a time, the strongest change first."""
    now = datetime.now(UTC)
    since, until = time_range(start, end, DEFAULT_SPAN, now)
    earlier = time_before(since, until)
    if before is not None:
        earlier, _ = time_range(before, since.isoformat(), DEFAULT_SPAN, now)
    asked = PatternTime(earlier, since, until, service)
    found = await context_of(request).read(
        lambda stores, deadline: changed_patterns(stores.patterns, asked, deadline.check)
    )
    return PatternDiff(
        before=earlier,
        start=since,
        end=until,
        total=len(found),
        changes=pattern_changes(found[:limit]),
    )
