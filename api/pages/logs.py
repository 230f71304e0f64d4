"""The pages of logs: lines with filters, lines around one, a trace, and a live tail."""

from __future__ import annotations

from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime
from starlette.responses import Response

from api.answers.logs import LogLines, log_line, log_lines
from api.answers.traces import trace_answer
from api.guard.problems import Problem
from api.pages.drawing import bars
from api.pages.rendering import page
from api.reading.cursor import Position
from api.reading.logs import LogFilter
from api.reading.paging import PagedQuestion, TypedTime, paged
from api.reading.search import query_of
from api.reading.traces import read_trace
from api.routes.context import READS, Context, context_of
from firstcause.storage.stored_time import ms_from_datetime
from search.query.fields import FIELD_NAMES
from search.query.parser import MAX_CHARS
from search.query.tree import Node
from search.query.values import LEVELS

SPAN: Final = timedelta(hours=1)
PAGE: Final = 100
AROUND: Final = 15

Level = Literal["", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]

routes = APIRouter(include_in_schema=False, dependencies=list(READS))


@routes.get("/ui/logs")
async def lines(
    request: Request,
    q: Annotated[str, Query(max_length=MAX_CHARS)] = "",
    service: Annotated[list[str], Query(max_length=50)] = [],  # noqa: B006 - FastAPI copies it
    level: Annotated[Level, Query()] = "",
    start: Annotated[str, Query(alias="from", max_length=64)] = "",
    end: Annotated[str, Query(alias="to", max_length=64)] = "",
    cursor: Annotated[str | None, Query()] = None,
) -> Response:
    """Lines, newest first; the address holds all that was chosen, so it can be shared."""
    context = context_of(request)
    names = tuple(dict.fromkeys(one for one in service if one))
    words = ("page of logs", q, names, level)
    asked = paged(context.signer, words, TypedTime(start or None, end or None, SPAN), cursor)
    query, mistake = _read_query(q)
    wanted = LogFilter(names, asked.start, asked.end, level or None)
    found = LogLines(logs=[])
    known: list[str] = []
    if mistake is None:
        found, known = await _found(context, query, wanted, asked)
    return page(
        request,
        "logs.html",
        HTTPStatus.OK if mistake is None else HTTPStatus.BAD_REQUEST,
        tab="logs",
        found=found,
        services=known,
        fields=FIELD_NAMES,
        levels=LEVELS,
        chosen={"q": q, "service": names, "level": level, "from": start, "to": end},
        is_first=cursor is None,
        mistake=mistake,
    )


def _read_query(text: str) -> tuple[Node | None, Problem | None]:
    if not text.strip():
        return None, None
    try:
        return query_of(text), None
    except Problem as mistake:
        return None, mistake


async def _found(
    context: Context, query: Node | None, wanted: LogFilter, asked: PagedQuestion
) -> tuple[LogLines, list[str]]:
    """The lines, and the names of all services."""
    found, known = await context.read(
        lambda stores, deadline: (
            stores.found(query, wanted, asked.after, PAGE, deadline.check),
            sorted(stores.logs.services()),
        )
    )
    return log_lines(found, asked.next_cursor(found.next)), known


@routes.get("/ui/logs/around")
async def around(
    request: Request,
    service: Annotated[str, Query(max_length=200)],
    at: Annotated[AwareDatetime, Query()],
    log_id: Annotated[str, Query(max_length=36)],
) -> Response:
    """The lines of a service around one of them."""
    place = _position(at, log_id)
    before, line, after = await context_of(request).read(
        lambda stores, deadline: stores.logs.around(service, place, AROUND, deadline.check)
    )
    if line is None:
        raise Problem(HTTPStatus.NOT_FOUND, "There is no such line of this service any more.")
    return page(
        request,
        "around.html",
        tab="logs",
        service=service,
        lines=[log_line(row) for row in (*before, line, *after)],
        marked=str(line["log_id"]),
    )


@routes.get("/ui/traces/{trace_id}")
async def trace(request: Request, trace_id: str) -> Response:
    """A trace as a waterfall, and its logs."""
    found = await context_of(request).read(
        lambda stores, deadline: read_trace(stores.session, stores.logs, trace_id[:200], deadline)
    )
    answer = trace_answer(found)
    if not answer.spans and not answer.logs:
        raise Problem(HTTPStatus.NOT_FOUND, "Nothing of this trace is stored.")
    return page(
        request, "trace.html", tab="logs", trace=answer, bars=bars(answer.spans), lines=answer.logs
    )


def _position(at: datetime, log_id: str) -> Position:
    try:
        return Position(ms_from_datetime(at), log_id.lower())
    except OverflowError:
        raise Problem(HTTPStatus.BAD_REQUEST, "at: out of range.") from None
