"""Renders the pages' templates; all text is escaped, whoever wrote it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse, RedirectResponse, Response

from api.guard.identity import COOKIE
from api.guard.problems import Problem
from api.pages.narrowing import can_narrow, narrowed
from api.routes.context import context_of
from firstcause.text.printable import printable

FOLDER: Final = Path(__file__).parent
_LOG_ID: Final = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"))

_templates = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def address(request: Request, path: str, **query: object) -> str:
    """The address of one of our paths, below wherever the app is mounted."""
    given = {name.rstrip("_"): value for name, value in query.items() if value not in (None, "")}
    words = urlencode(given, doseq=True)
    root = request.scope.get("root_path", "")
    return f"{root}{path}{'?' + words if words else ''}"


def page(request: Request, template: str, status: int = 200, **values: Any) -> HTMLResponse:
    """A template as an answer, with what all of them use; sets the cookie of a new CSRF token."""
    context = context_of(request)
    text = _templates.get_template(template).render(
        address=partial(address, request),
        csrf=context.csrf.token(request),
        signed_in=context.identity is not None and COOKIE in request.cookies,
        **values,
    )
    answer = HTMLResponse(text, status)
    context.csrf.remember(request, answer)
    return answer


def problem_page(request: Request, problem: Problem) -> Response:
    """A problem for people; who is not known is asked for a key."""
    if problem.status == HTTPStatus.UNAUTHORIZED and context_of(request).identity is not None:
        return RedirectResponse(address(request, "/ui/login"), HTTPStatus.SEE_OTHER)
    answer = page(request, "problem.html", problem.status, tab="", problem=problem)
    answer.headers.update(problem.headers)
    return answer


def cited(text: str, places: Mapping[str, str]) -> Markup:
    """The text with each log id that has a place as a link to it; the rest escaped."""
    parts: list[Markup] = []
    at = 0
    for found in _LOG_ID.finditer(text):
        parts.append(escape(shown(text[at : found.start()])))
        place = places.get(found[0])
        short = f"{found[0][:8]}…"
        link = Markup('<a class="cite" href="{}" title="log {}">{}</a>')
        parts.append(link.format(place, found[0], short) if place else escape(short))
        at = found.end()
    parts.append(escape(shown(text[at:])))
    return Markup("").join(parts)


def shown(text: object) -> str:
    """Text without signs that nobody sees or that turn the direction of others."""
    return printable(str(text))


def age(at: datetime, now: datetime | None = None) -> str:
    """How long ago, in one unit."""
    seconds = ((now or datetime.now(UTC)) - at).total_seconds()
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"


def clock(at: datetime) -> str:
    """Date and time of day in UTC, to the second."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def clock_ms(at: datetime) -> str:
    """Time of day in UTC, to the millisecond."""
    return f"{at.astimezone(UTC):%H:%M:%S.%f}"[:-3]


def counted(errors: int, alerts: int) -> str:
    """`3 errors`, `1 alert`, or both, where `errors` counts the alerts too."""
    lines = errors - alerts
    told = [
        f"{count:,} {word}{'' if count == 1 else 's'}"
        for count, word in ((lines, "error"), (alerts, "alert"))
        if count or (word == "error" and not alerts)
    ]
    return ", ".join(told)


_FILTERS: Final[dict[str, Callable[..., Any]]] = {
    "age": age,
    "clock": clock,
    "clock_ms": clock_ms,
    "cited": cited,
    "counted": counted,
    "narrowed": narrowed,
    "shown": shown,
}
_templates.filters.update(_FILTERS)
_templates.tests["searchable"] = can_narrow
