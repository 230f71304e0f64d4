"""Headers of every answer: what a browser may do with it, and the ETag of what can be kept."""

from __future__ import annotations

import hashlib
import time
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api import metrics

# No script or style but our own files, no other host, nobody else's frame.
CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors {ancestors}"
)
_ALWAYS: Final = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_TAGGED: Final = ("application/json", "text/html")
_MAX_TAGGED_BYTES: Final = 8 * 1024 * 1024


class AnswerHeaders:
    """ASGI middleware: security headers, metrics, and ETags with 304 for `GET`."""

    def __init__(self, app: ASGIApp, *, framed_by_self: bool) -> None:
        self._app = app
        policy = CONTENT_SECURITY_POLICY.format(ancestors="'self'" if framed_by_self else "'none'")
        self._headers = {**_ALWAYS, "content-security-policy": policy}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Passes a request on; see the class."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        answer = _Answer(scope, send, self._headers)
        await self._app(scope, receive, answer.send)


class _Answer:
    def __init__(self, scope: Scope, send: Send, headers: dict[str, str]) -> None:
        self._scope = scope
        self._send = send
        self._headers = headers
        self._began = time.perf_counter()
        self._start: Message | None = None
        self._parts: list[bytes] = []
        self._size = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            await self._on_start(message)
        elif self._start is None:
            await self._send(message)
        else:
            await self._on_body(message)

    async def _on_start(self, message: Message) -> None:
        headers = MutableHeaders(raw=message["headers"])
        message["headers"] = headers.raw
        for name, value in self._headers.items():
            headers.setdefault(name, value)
        route = getattr(self._scope.get("route"), "path", "none")
        metrics.REQUESTS.labels(route, str(message["status"])).inc()
        metrics.SECONDS.labels(route).observe(time.perf_counter() - self._began)
        kind = headers.get("content-type", "")
        is_tagged = self._scope["method"] == "GET" and kind.startswith(_TAGGED)
        if is_tagged and message["status"] == 200:  # noqa: PLR2004
            self._start = message
            return
        if not kind.startswith(("text/css", "text/javascript", "image/")):
            headers.setdefault("cache-control", "no-store")
        await self._send(message)

    async def _on_body(self, message: Message) -> None:
        assert self._start is not None  # noqa: S101 - `send` sees to it
        self._parts.append(message.get("body", b""))
        self._size += len(self._parts[-1])
        more = message.get("more_body", False)
        if more and self._size <= _MAX_TAGGED_BYTES:
            return
        start, body = self._start, b"".join(self._parts)
        self._start = None
        headers = MutableHeaders(raw=start["headers"])
        headers.setdefault("cache-control", "private, no-cache")
        if not more:
            tag = f'W/"{hashlib.sha256(body).hexdigest()[:32]}"'
            headers["etag"] = tag
            if tag in Headers(scope=self._scope).get("if-none-match", ""):
                del headers["content-length"]
                start["status"], body = 304, b""
        start["headers"] = headers.raw
        await self._send(start)
        await self._send({"type": "http.response.body", "body": body, "more_body": more})
