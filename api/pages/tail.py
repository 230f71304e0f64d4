"""A live tail as server-sent events: what was stored since the last look, once each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query, Request
from starlette.responses import Response, StreamingResponse

from api.answers.logs import log_line
from api.guard.problems import Problem
from api.pages.rendering import clock_ms, page, shown
from api.reading.logs import LogFilter
from api.routes.context import READS, Context, context_of
from firstcause.storage.log_history import LogRow

# Lines are stored seconds after they were logged: so far back each look goes again.
LOOK_BACK: Final = timedelta(seconds=30)
LOOK_EVERY_SECONDS: Final = 1.5
LINES_A_LOOK: Final = 200
# A browser connects again by itself.
LONGEST_SECONDS: Final = 600.0

Level = Literal["", "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"]
Names = Annotated[list[str], Query(max_length=50)]

routes = APIRouter(include_in_schema=False, dependencies=list(READS))


@routes.get("/ui/tail")
async def tail(
    request: Request,
    service: Names = [],  # noqa: B006 - FastAPI copies it
    level: Annotated[Level, Query()] = "",
) -> Response:
    """The page that shows what comes in."""
    chosen = {"service": [one for one in service if one], "level": level}
    return page(request, "tail.html", tab="logs", chosen=chosen)


@routes.get("/logs/tail")
async def events(
    request: Request,
    service: Names = [],  # noqa: B006 - FastAPI copies it
    level: Annotated[Level, Query()] = "",
) -> Response:
    """Server-sent events: a line each, as JSON."""
    context = context_of(request)
    context.tails.check()
    names = tuple(dict.fromkeys(one for one in service if one))
    return StreamingResponse(
        _stream(context, names, level or None),
        media_type="text/event-stream",
        headers={"cache-control": "no-store", "x-accel-buffering": "no"},
    )


async def _stream(
    context: Context, names: tuple[str, ...], level: str | None
) -> AsyncIterator[str]:
    given: dict[str, datetime] = {}
    loop = asyncio.get_running_loop()
    ends_at = loop.time() + LONGEST_SECONDS
    with context.tails.opened():
        yield "retry: 2000\n\n"
        while loop.time() < ends_at:
            try:
                rows = await _look(context, names, level)
            except Problem as problem:
                yield f"event: problem\ndata: {json.dumps(problem.detail)}\n\n"
                rows = []
            for row in rows:
                if str(row["log_id"]) not in given:
                    given[str(row["log_id"])] = row["timestamp"]
                    yield f"data: {_told(row)}\n\n"
            since = datetime.now(UTC) - 2 * LOOK_BACK
            given = {one: at for one, at in given.items() if at > since}
            yield ": still here\n\n"
            await asyncio.sleep(LOOK_EVERY_SECONDS)


async def _look(context: Context, names: tuple[str, ...], level: str | None) -> list[LogRow]:
    now = datetime.now(UTC)
    wanted = LogFilter(names, now - LOOK_BACK, now, level)
    found = await context.read(
        lambda stores, deadline: stores.logs.page(wanted, None, LINES_A_LOOK, deadline.check)
    )
    return list(found.rows)[::-1]


def _told(row: LogRow) -> str:
    line = log_line(row)
    return json.dumps(
        {
            "time": clock_ms(line.timestamp),
            "level": line.level,
            "service": shown(line.service_name),
            "message": shown(line.message),
        }
    )
