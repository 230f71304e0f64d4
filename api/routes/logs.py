"""`/services`, `/logs`, `/logs/context`, `/traces/{trace_id}`."""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, StringConstraints

from api.answers.logs import (
    LogContext,
    LogLines,
    LogStats,
    Service,
    Services,
    log_line,
    log_lines,
    log_stats,
)
from api.answers.traces import TraceAnswer, trace_answer
from api.guard.load import Deadline
from api.guard.problems import Problem
from api.reading.cursor import Position
from api.reading.key_figures import last_heard
from api.reading.logs import LogFilter
from api.reading.paging import TypedTime, paged
from api.reading.search import query_of
from api.reading.stores import Stores
from api.reading.times import time_range
from api.reading.traces import read_trace
from api.routes.context import READS, REFUSALS, context_of
from firstcause.events.log_level import level_of
from firstcause.events.trace_ids import trace_id_of
from firstcause.storage.stored_time import ms_from_datetime
from search.query.parser import MAX_CHARS

DEFAULT_SPAN: Final = timedelta(hours=1)

Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Words = Annotated[str, StringConstraints(max_length=MAX_CHARS)]
Time = Annotated[str | None, Query(max_length=64, description="2h back, RFC 3339, or all")]
TraceId = Annotated[str, StringConstraints(min_length=1, max_length=200)]


routes = APIRouter(tags=["logs"], dependencies=list(READS), responses=REFUSALS)


@routes.get("/services")
async def services(request: Request) -> Services:
    """Which services exist, and when each was last heard."""
    heard = await context_of(request).read(lambda stores, _: last_heard(stores))
    return Services(
        services=[
            Service(service_name=name, last_heard=at) for name, at in sorted(heard.found.items())
        ],
        source=heard.source,
        age_seconds=heard.age_seconds or 0.0,
    )


@routes.get("/logs", response_model_exclude_none=True)
async def logs(
    request: Request,
    q: Annotated[Words | None, Query(description="A query; its language: docs/search.md")] = None,
    service: Annotated[list[Name], Query(max_length=50, description="All without it")] = [],  # noqa: B006
    start: Annotated[Time, Query(alias="from", description="An hour before `to`")] = None,
    end: Annotated[Time, Query(alias="to", description="Now")] = None,
    level: Annotated[str | None, Query(max_length=20)] = None,
    trace: Annotated[TraceId | None, Query(description="All logs of a trace")] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    cursor: Annotated[str | None, Query(description="`next_cursor` of the last page")] = None,
) -> LogLines:
    """Logs of services, newest first, a page at a time; or of one trace, oldest first.

    With `q` those that match it. A page may then be shorter than its limit: go on while there is a
    cursor. While the search index is away, `degraded` says what of `q` was not looked at.
    """
    context = context_of(request)
    known_level = _level(level)
    if trace is not None:
        if q or service or start or end or level or cursor:
            raise Problem(
                HTTPStatus.BAD_REQUEST,
                "trace: it goes with limit alone; all are given at once.",
            )
        trace_id = trace_id_of(trace) or trace
        rows = await context.read(lambda stores, _: stores.logs.of_trace(trace_id, limit))
        return LogLines(logs=[log_line(row) for row in rows])
    names = tuple(dict.fromkeys(service))
    query = query_of(q) if q else None
    asked = paged(
        context.signer, ("logs", q, names, known_level), TypedTime(start, end, DEFAULT_SPAN), cursor
    )
    wanted = LogFilter(names, asked.start, asked.end, known_level)
    page = await context.read(
        lambda stores, deadline: stores.found(query, wanted, asked.after, limit, deadline.check)
    )
    return log_lines(page, asked.next_cursor(page.next))


@routes.get("/logs/stats")
async def stats(
    request: Request,
    q: Annotated[Words | None, Query(description="As of /logs")] = None,
    service: Annotated[list[Name], Query(max_length=50, description="All without it")] = [],  # noqa: B006
    start: Annotated[Time, Query(alias="from", description="An hour before `to`")] = None,
    end: Annotated[Time, Query(alias="to", description="Now")] = None,
    level: Annotated[str | None, Query(max_length=20)] = None,
    bars: Annotated[int, Query(ge=1, le=500, description="Buckets at the most")] = 60,
) -> LogStats:
    """How many logs match, by time and level; of the search index alone, 503 while it is away."""
    query = query_of(q or "")
    since, until = time_range(start, end, DEFAULT_SPAN)
    wanted = LogFilter(tuple(dict.fromkeys(service)), since, until, _level(level))
    found = await context_of(request).read(
        lambda stores, _: stores.search.histogram(query, wanted, bars)
    )
    return log_stats(found)


@routes.get("/logs/context", response_model_exclude_none=True)
async def log_context(
    request: Request,
    service: Annotated[Name, Query()],
    timestamp: Annotated[AwareDatetime, Query(description="The line's own, to the ms")],
    log_id: Annotated[str, Query(max_length=36, description="The line's own")],
    count: Annotated[int, Query(ge=1, le=200, description="Lines on each side")] = 10,
) -> LogContext:
    """The lines of a service around one of its lines, within half an hour of it."""
    at = _position(timestamp, log_id)
    before, line, after = await context_of(request).read(
        lambda stores, deadline: stores.logs.around(service, at, count, deadline.check)
    )
    if line is None:
        raise Problem(HTTPStatus.NOT_FOUND, "There is no such line of this service.")
    return LogContext(
        before=[log_line(row) for row in before],
        line=log_line(line),
        after=[log_line(row) for row in after],
    )


@routes.get("/traces/{trace_id}", response_model_exclude_none=True)
async def trace(request: Request, trace_id: TraceId) -> TraceAnswer:
    """The stored spans of a trace as a tree, and its logs."""

    def read(stores: Stores, deadline: Deadline) -> TraceAnswer:
        found = read_trace(stores.session, stores.logs, trace_id, deadline)
        if not found.spans and not found.logs:
            raise Problem(HTTPStatus.NOT_FOUND, "Nothing of this trace is stored.")
        return trace_answer(found)

    return await context_of(request).read(read)


def _level(word: str | None) -> str | None:
    known = level_of(word) if word else None
    if word and known is None:
        raise Problem(HTTPStatus.BAD_REQUEST, "level: one of TRACE DEBUG INFO WARN ERROR FATAL.")
    return known


def _position(timestamp: datetime, log_id: str) -> Position:
    try:
        return Position(ms_from_datetime(timestamp), log_id.lower())
    except OverflowError:
        raise Problem(HTTPStatus.BAD_REQUEST, "timestamp: out of range.") from None
