"""The page of patterns: what is new, gone or shifted, and what is logged most."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from api.answers.patterns import PatternChange, pattern_changes, pattern_counts
from api.pages.narrowing import pattern_query
from api.pages.rendering import address, page
from api.reading.patterns import PatternTime, changed_patterns, patterns_of, time_before
from api.reading.times import time_range
from api.routes.context import READS, context_of

SPAN: Final = timedelta(hours=1)
SHOWN: Final = 50

routes = APIRouter(include_in_schema=False, dependencies=list(READS))


@routes.get("/ui/patterns")
async def shown(
    request: Request,
    service: Annotated[str, Query(max_length=200)] = "",
    start: Annotated[str, Query(alias="from", max_length=64)] = "",
    end: Annotated[str, Query(alias="to", max_length=64)] = "",
) -> Response:
    """A time compared with the time before it, which is as long."""
    since, until = time_range(start or None, end or None, SPAN)
    asked = PatternTime(time_before(since, until), since, until, service or None)
    frequent, changed, known = await context_of(request).read(
        lambda stores, deadline: (
            patterns_of(stores.patterns, asked, deadline.check),
            changed_patterns(stores.patterns, asked, deadline.check),
            stores.patterns.services(),
        )
    )

    def lines_of(service_name: str, text: str) -> str:
        query = pattern_query(service_name, text)
        return address(request, "/ui/logs", q=query, from_=start, to=end)

    return page(
        request,
        "patterns.html",
        tab="logs",
        asked=asked,
        groups=_groups(pattern_changes(changed)),
        frequent=pattern_counts(frequent[:SHOWN]),
        total=len(frequent),
        services=known,
        chosen={"service": service, "from": start, "to": end},
        lines_of=lines_of,
    )


def _groups(changes: list[PatternChange]) -> list[tuple[str, list[PatternChange], int]]:
    """Title, the strongest changes and how many there are, for each kind of change."""
    groups = []
    for title, change in (("New", "new"), ("Gone", "gone"), ("Shifted", "shifted")):
        found = [one for one in changes if one.change.value == change]
        groups.append((title, found[:SHOWN], len(found)))
    return groups
