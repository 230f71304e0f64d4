"""The rights and the rate that every route asks for."""

from __future__ import annotations

from http import HTTPStatus
from math import ceil

from fastapi import Request

from api import metrics
from api.guard.identity import CSRF_HEADER, Csrf, Identify, Principal, Right
from api.guard.problems import Problem
from api.guard.rate import RateLimit


class Access:
    """Lets requests in. `may_read` and `may_act` are FastAPI dependencies; they do not block."""

    def __init__(self, identify: Identify, rate: RateLimit, csrf: Csrf) -> None:
        self._identify = identify
        self._rate = rate
        self._csrf = csrf

    async def may_read(self, request: Request) -> Principal:
        """Who asks, with the right to read.

        Raises:
            Problem: 401 nobody we know, 403 without the right, 429 too fast.
        """
        return self._who(request, "read")

    async def may_act(self, request: Request) -> Principal:
        """Who asks, with the right to act; a browser shows the page's CSRF token.

        Raises:
            Problem: as `may_read`, and 403 without the token.
        """
        who = self._who(request, "act")
        if who.ambient:
            self._csrf.check(request, request.headers.get(CSRF_HEADER, ""))
        return who

    async def may_send(self, request: Request) -> Principal:
        """Who asks, with the right to send alerts; a browser shows the page's CSRF token.

        On loopback a program needs no key: what a browser sends to another site's address has an
        origin, or is no JSON.

        Raises:
            Problem: as `may_act`.
        """
        who = self._who(request, "send")
        kind = request.headers.get("content-type", "")
        by_browser = any(name in request.headers for name in ("origin", "sec-fetch-site"))
        if who.ambient and (by_browser or not kind.startswith("application/json")):
            self._csrf.check(request, request.headers.get(CSRF_HEADER, ""))
        return who

    def slow_down(self, caller: str) -> None:
        """Takes one request of a caller.

        Raises:
            Problem: 429 too fast.
        """
        wait = self._rate.wait_seconds(caller)
        if wait > 0:
            metrics.REFUSED.labels("rate").inc()
            raise Problem(
                HTTPStatus.TOO_MANY_REQUESTS,
                "More requests than this caller may make: wait, then try again.",
                headers={"Retry-After": str(ceil(wait))},
            )

    def _who(self, request: Request, right: Right) -> Principal:
        who = self._identify(request)
        host = request.client.host if request.client else ""
        self.slow_down(who.caller if who else f"address {host}")
        if who is None:
            raise Problem(
                HTTPStatus.UNAUTHORIZED,
                "An API key is needed: `firstcause keys add NAME --role read`.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        if right not in who.rights:
            raise Problem(
                HTTPStatus.FORBIDDEN, f"This needs the role {right}: `firstcause keys add`."
            )
        return who
