"""The HTTP doors as a server beside the bridge, in a thread of its own."""

from __future__ import annotations

import threading
from typing import Final

import uvicorn

from firstcause.errors import FirstcauseError
from firstcause.settings import Settings
from ingest.bridge.conversion import IDENTITY_HEADER
from ingest.http.app import create_app
from ingest.http.sender import Sender

MAX_CONCURRENT_REQUESTS: Final = 256
START_SECONDS: Final = 30.0
STOP_SECONDS: Final = 30


class HttpDoors:
    """Serves until stopped. More requests at a time than the bound are answered 503."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        config = uvicorn.Config(
            create_app(settings, Sender(settings, IDENTITY_HEADER)),
            host=settings.ingest_http_host,
            port=settings.ingest_http_port,
            limit_concurrency=MAX_CONCURRENT_REQUESTS,
            timeout_keep_alive=10,
            timeout_graceful_shutdown=STOP_SECONDS,
            access_log=False,
            log_level="warning",
            server_header=False,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, name="http", daemon=True)

    def start(self) -> None:
        """Starts, and returns once it answers.

        Raises:
            FirstcauseError: the port is taken.
        """
        self._thread.start()
        waiting = threading.Event()
        for _ in range(int(START_SECONDS / 0.05)):
            if self._server.started:
                return
            if not self._thread.is_alive():
                break
            waiting.wait(0.05)
        raise FirstcauseError(
            f"{self._settings.ingest_http_host}:{self._settings.ingest_http_port} cannot be "
            "listened on: stop the other process or set INGEST_HTTP_PORT."
        )

    def stop(self) -> None:
        """Ends after the requests under way."""
        self._server.should_exit = True
        self._thread.join(STOP_SECONDS)
