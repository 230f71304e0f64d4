"""The process of `firstcause mcp`: over standard input and output, or over HTTP with a key."""

from __future__ import annotations

import anyio
import structlog
import uvicorn
from mcp.server import MCPServer
from mcp.server.transport_security import TransportSecuritySettings
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from firstcause.access.keys import KeyFile

_log = structlog.get_logger()


def serve_stdio(server: MCPServer[None]) -> None:
    """Serves one assistant until it closes standard input. Blocks."""
    anyio.run(server.run_stdio_async)


def serve_http(server: MCPServer[None], keys: KeyFile, host: str, port: int) -> None:
    """Serves assistants at `/mcp` until SIGTERM or SIGINT. Blocks."""
    _log.info("mcp_started", address=f"http://{host}:{port}/mcp")
    uvicorn.run(
        http_app(server, keys),
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        server_header=False,
        limit_concurrency=64,
    )


def http_app(server: MCPServer[None], keys: KeyFile) -> ASGIApp:
    """The server as an ASGI app that asks for an API key with the role read or act."""
    app = server.streamable_http_app(
        json_response=True,
        stateless_http=True,
        max_request_body_size=64 * 1024,
        # It stops web pages that reach loopback by a name of theirs. They have no key.
        transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
    )
    return KeyRequired(app, keys)


class KeyRequired:
    """Lets requests through that bring a key as `Authorization: Bearer KEY`; else 401."""

    def __init__(self, app: ASGIApp, keys: KeyFile) -> None:
        self._app = app
        self._keys = keys

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI call; only HTTP is asked for a key, as the lifespan is the server's own."""
        if scope["type"] != "lifespan" and not self._is_let_in(Headers(scope=scope)):
            refused = JSONResponse(
                {"error": "An API key is needed: `firstcause keys add NAME --role read`."},
                status_code=401,
                headers={"WWW-Authenticate": "Bearer"},
            )
            await refused(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _is_let_in(self, headers: Headers) -> bool:
        scheme, _, secret = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            return False
        key = self._keys.find(secret.strip())
        return key is not None and key.role in ("read", "act")
