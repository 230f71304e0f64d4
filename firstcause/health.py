"""Prometheus metrics and health over HTTP, on loopback."""

from __future__ import annotations

import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from firstcause.errors import FirstcauseError


def serve_health(
    host: str,
    port: int,
    health: Callable[[], tuple[bool, dict[str, Any]]],
    *,
    port_setting: str,
) -> int:
    """Serves until the process ends, in a thread of its own; returns the port.

    `/metrics` are Prometheus metrics; any other path answers 200 while healthy and 503 else,
    with the health as JSON. Port 0 takes a free one. `port_setting` is named when it is taken.

    Raises:
        FirstcauseError: the port is taken.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.startswith("/metrics"):
                self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest())
                return
            well, state = health()
            status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
            self._answer(status, "application/json", orjson.dumps(state))

        def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Says nothing: each scrape would be a line."""

    try:
        server = ThreadingHTTPServer((host, port), Handler)
    except OSError as error:
        raise FirstcauseError(
            f"Port {port} is taken: stop the process that has it or set {port_setting}."
        ) from error
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return int(server.server_address[1])
