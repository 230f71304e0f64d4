"""The way in for people beyond loopback: a key is asked for once."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import parse_qs

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.guard.identity import COOKIE, SESSION_SECONDS
from api.guard.problems import Problem
from api.pages.rendering import address, page
from api.routes.context import context_of

MAX_BODY_BYTES = 4_096

routes = APIRouter(include_in_schema=False)


@routes.get("/ui/login")
async def form(request: Request) -> Response:
    """Asks for a key."""
    return page(request, "login.html", tab="", refused=False)


@routes.post("/ui/login")
async def enter(request: Request) -> Response:
    """Opens a session for who has a key that may read."""
    context = context_of(request)
    if context.identity is None:
        raise Problem(HTTPStatus.NOT_FOUND, "The login is that of the program around these pages.")
    fields = parse_qs(await _body(request), max_num_fields=5)
    context.csrf.check(request, fields.get("csrf", [""])[0])
    host = request.client.host if request.client else ""
    context.access.slow_down(f"login {host}")
    session = context.identity.open_session(fields.get("key", [""])[0].strip())
    if session is None:
        return page(request, "login.html", HTTPStatus.FORBIDDEN, tab="", refused=True)
    answer = RedirectResponse(address(request, "/ui/incidents"), HTTPStatus.SEE_OTHER)
    answer.set_cookie(
        COOKIE,
        session,
        max_age=SESSION_SECONDS,
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )
    return answer


@routes.post("/ui/logout")
async def leave(request: Request) -> Response:
    """Ends the session in this browser."""
    fields = parse_qs(await _body(request), max_num_fields=5)
    context_of(request).csrf.check(request, fields.get("csrf", [""])[0])
    answer = RedirectResponse(address(request, "/ui/login"), HTTPStatus.SEE_OTHER)
    answer.delete_cookie(COOKIE)
    return answer


async def _body(request: Request) -> str:
    parts = b""
    async for part in request.stream():
        parts += part
        if len(parts) > MAX_BODY_BYTES:
            raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The form is too long.")
    return parts.decode("utf-8", "replace")
