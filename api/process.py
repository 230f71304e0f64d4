"""The API's process: a server until it is told to stop."""

from __future__ import annotations

import socket
from typing import Final

import structlog
import uvicorn

from api.app import create_app
from api.reading.stores import MakeIncidents, StoreAccess
from firstcause.errors import FirstcauseError
from firstcause.settings import Settings
from firstcause.structured_logging import configure_logging

MAX_CONNECTIONS: Final = 512
STOP_SECONDS: Final = 10

_log = structlog.get_logger()


def run_api(settings: Settings, make_incidents: MakeIncidents) -> None:
    """Serves until SIGTERM or SIGINT. Blocks.

    Raises:
        FirstcauseError: the port is taken.
    """
    configure_logging(settings)
    config = uvicorn.Config(
        create_app(settings, StoreAccess(settings, make_incidents)),
        host=settings.api_host,
        port=settings.api_port,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=STOP_SECONDS,
        access_log=False,
        log_level="warning",
        server_header=False,
    )
    listening = _listen(settings)
    _log.info("api_started", address=f"http://{settings.api_host}:{settings.api_port}")
    uvicorn.Server(config).run(sockets=[listening])


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.api_host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((settings.api_host, settings.api_port))
    except OSError as error:
        listening.close()
        raise FirstcauseError(
            f"{settings.api_host}:{settings.api_port} cannot be listened on ({error.strerror}): "
            "stop the other process or set API_HOST, API_PORT."
        ) from error
    return listening
