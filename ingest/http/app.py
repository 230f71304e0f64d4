"""The HTTP doors as an ASGI application."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Final

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from firstcause.access.keys import KeyFile
from firstcause.derived_ids import derived_id
from firstcause.settings import LOOPBACK_HOSTS, Settings
from ingest.http import metrics, otlp_exchange
from ingest.http.body import RefusedError, read_body
from ingest.http.sender import BusyError, Message, NotDeliveredError, Sender

# Lines of one request to /ingest, and its size.
MAX_LINES: Final = 50_000
MAX_LINES_BYTES: Final = 16 * 1024 * 1024
RETRY_AFTER_SECONDS: Final = "1"
_INGEST_ROLES: Final = frozenset({"ingest", "act"})

_log = structlog.get_logger()


def create_app(settings: Settings, sender: Sender) -> FastAPI:
    """The application: `POST /v1/logs`, `/v1/traces`, `/ingest`, and `GET /health`.

    A request is answered 200 when Kafka has all of it. Without that the sender repeats it, and
    a repetition is the same records: their identity is that of their bytes and their sender.
    """
    keys = KeyFile(settings.api_keys_file)
    needs_key = settings.ingest_http_host not in LOOPBACK_HOSTS

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        sender.close()

    app = FastAPI(title="Firstcause ingest", docs_url=None, redoc_url=None, lifespan=lifespan)

    def sender_name(request: Request) -> str:
        secret = request.headers.get("authorization", "").removeprefix("Bearer ").strip()
        secret = secret or request.headers.get("x-api-key", "")
        key = keys.find(secret) if secret else None
        if key is not None and key.role in _INGEST_ROLES:
            return key.name
        if needs_key or secret:
            raise RefusedError(
                HTTPStatus.UNAUTHORIZED, "a valid API key with the role ingest is needed"
            )
        return request.client.host if request.client else "loopback"

    async def otlp(request: Request, signal: str, topic: str) -> Response:
        media = otlp_exchange.JSON
        try:
            media = otlp_exchange.media_type(request.headers.get("content-type"))
            name = sender_name(request)
            body = await read_body(request, settings.kafka_max_message_bytes)
            if media == otlp_exchange.JSON:
                # The bridge tells JSON from protobuf by its first byte.
                body = body.lstrip()
            rejected = otlp_exchange.rejected_records(body, media, signal)
            await sender.send(topic, [Message(body, _identity(name, body))])
        except (RefusedError, BusyError, NotDeliveredError) as failure:
            status, text, headers = _refusal(failure)
            metrics.REQUESTS.labels(signal, str(status.value)).inc()
            content = otlp_exchange.error_answer(media, text)
            return Response(content, status, headers, media)
        metrics.REQUESTS.labels(signal, "200").inc()
        return Response(otlp_exchange.answer(media, signal, rejected), media_type=media)

    @app.post("/v1/logs")
    async def logs(request: Request) -> Response:
        return await otlp(request, "logs", settings.ingest_otlp_logs_topic)

    @app.post("/v1/traces")
    async def traces(request: Request) -> Response:
        return await otlp(request, "traces", settings.ingest_otlp_spans_topic)

    @app.post("/ingest")
    async def lines(request: Request) -> Response:
        try:
            name = sender_name(request)
            body = await read_body(request, MAX_LINES_BYTES)
            messages = _line_messages(name, body, settings.kafka_max_message_bytes)
            await sender.send(settings.ingest_lines_topic, messages)
        except (RefusedError, BusyError, NotDeliveredError) as failure:
            status, text, headers = _refusal(failure)
            metrics.REQUESTS.labels("lines", str(status.value)).inc()
            return JSONResponse({"message": text}, status, headers)
        metrics.REQUESTS.labels("lines", "200").inc()
        return JSONResponse({"accepted": len(messages)})

    @app.get("/health")
    async def health() -> JSONResponse:
        return JSONResponse({"status": "ok"})

    return app


def _identity(sender: str, body: bytes) -> str:
    return str(derived_id("received", sender, hashlib.sha256(body).hexdigest()))


def _line_messages(sender: str, body: bytes, max_bytes: int) -> list[Message]:
    """A message a line that holds something; equal lines of one request stay apart.

    Raises:
        RefusedError: no line, too many, or one that is too long for Kafka.
    """
    found = [line for line in body.splitlines() if line.strip()]
    if not found:
        raise RefusedError(HTTPStatus.BAD_REQUEST, "the body has no line")
    if len(found) > MAX_LINES:
        raise RefusedError(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {MAX_LINES} lines in one request"
        )
    for number, line in enumerate(found, 1):
        if len(line) > max_bytes:
            raise RefusedError(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
                f"line {number} is larger than {max_bytes} bytes",
            )
    whole = _identity(sender, body)
    return [Message(line, f"{whole}/{number}") for number, line in enumerate(found)]


def _refusal(failure: Exception) -> tuple[HTTPStatus, str, dict[str, str]]:
    if isinstance(failure, RefusedError):
        return failure.status, failure.text, {}
    headers = {"Retry-After": RETRY_AFTER_SECONDS}
    if isinstance(failure, BusyError):
        return HTTPStatus.TOO_MANY_REQUESTS, "too much is under way: try again", headers
    _log.warning("ingest_not_delivered", error=str(failure))
    return HTTPStatus.SERVICE_UNAVAILABLE, "Kafka does not take it now: try again", headers
