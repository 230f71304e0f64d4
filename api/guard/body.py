"""A bound on what a caller may send, before anything is read of it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.guard.problems import Problem, json_answer

MAX_BODY_BYTES: Final = 1_048_576


class BodyLimit:
    """ASGI middleware: a request with a longer body is answered 413."""

    def __init__(self, app: ASGIApp, *, max_bytes: int = MAX_BODY_BYTES) -> None:
        self._app = app
        self._max = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on; see the class."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "0")
        if not length.isdigit() or int(length) > self._max:
            await json_answer(self._too_long())(scope, receive, send)
            return
        read = 0
        refused = False

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._max:
                raise self._too_long()
            return message

        async def answer(message: Message) -> None:
            # Whatever was made of the exception: the caller is told the reason, once.
            nonlocal refused
            if read <= self._max:
                await send(message)
            elif not refused:
                refused = True
                await json_answer(self._too_long())(scope, receive, send)

        await self._app(scope, bounded, answer)

    def _too_long(self) -> Problem:
        return Problem(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"A body has at most {self._max:,} bytes."
        )
