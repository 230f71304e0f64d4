"""OTLP/HTTP's requests and answers, in protobuf and JSON (opentelemetry-proto, specification)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final

import orjson
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse

from ingest.decoding import MAX_EVENTS, MAX_OBJECTS, TooManyEventsError
from ingest.http.body import RefusedError
from ingest.readers import otlp, otlp_proto

PROTOBUF: Final = "application/x-protobuf"
JSON: Final = "application/json"

# By signal: the JSON names of the lists down to the records, and of their rejected count.
_LEVELS: Final = {
    "logs": ("resourceLogs", "scopeLogs", "logRecords"),
    "traces": ("resourceSpans", "scopeSpans", "spans"),
}
_REJECTED: Final = {"logs": "rejectedLogRecords", "traces": "rejectedSpans"}
_PARSE: Final[dict[str, Callable[[bytes], Any]]] = {
    "logs": otlp_proto.parsed_logs,
    "traces": otlp_proto.parsed_spans,
}


def media_type(content_type: str | None) -> str:
    """Protobuf or JSON.

    Raises:
        RefusedError: another type.
    """
    name = (content_type or "").partition(";")[0].strip().lower()
    if name in (PROTOBUF, JSON):
        return name
    raise RefusedError(
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"content-type {name or '(none)'}: {PROTOBUF} or {JSON}"
    )


def rejected_records(body: bytes, media: str, signal: str) -> int:
    """How many records of a request are of no form that can be read.

    Raises:
        RefusedError: the body is no request of this signal at all, or holds more records than are
            read of one: OTLP's senders repeat neither 400 nor 413.
    """
    if media == PROTOBUF:
        try:
            _PARSE[signal](body)
        except otlp_proto.NotOtlpError as error:
            raise RefusedError(HTTPStatus.BAD_REQUEST, f"not OTLP in protobuf: {error}") from error
        except TooManyEventsError:
            raise _too_many(signal) from None
        return 0
    if body.count(b"{") > MAX_OBJECTS:
        raise _too_many(signal)
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"not JSON: {error}") from error
    if not isinstance(document, dict) or not isinstance(document.get(_LEVELS[signal][0]), list):
        raise RefusedError(HTTPStatus.BAD_REQUEST, f"not OTLP: {_LEVELS[signal][0]} is missing")
    if otlp.records_in(document) > MAX_EVENTS:
        raise _too_many(signal)
    return _rejected(document, _LEVELS[signal])


def _too_many(signal: str) -> RefusedError:
    records = "log records" if signal == "logs" else "spans"
    return RefusedError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        f"more than {MAX_EVENTS} {records}, or {MAX_OBJECTS} objects, in one request",
    )


def _rejected(document: Mapping[str, Any], levels: tuple[str, ...]) -> int:
    items = document.get(levels[0], [])
    if not isinstance(items, list):
        return 1
    wrong = sum(not isinstance(item, dict) for item in items)
    if len(levels) == 1:
        return wrong
    return wrong + sum(_rejected(item, levels[1:]) for item in items if isinstance(item, dict))


def answer(media: str, signal: str, rejected: int) -> bytes:
    """The body of an answer 200: empty, or the count of what was not taken."""
    if media == JSON:
        partial = {_REJECTED[signal]: str(rejected), "errorMessage": "not of OTLP's form"}
        return orjson.dumps({"partialSuccess": partial} if rejected else {})
    if signal == "logs":
        logs = ExportLogsServiceResponse()
        if rejected:
            logs.partial_success.rejected_log_records = rejected
        return bytes(logs.SerializeToString())
    traces = ExportTraceServiceResponse()
    if rejected:
        traces.partial_success.rejected_spans = rejected
    return bytes(traces.SerializeToString())


def error_answer(media: str, text: str) -> bytes:
    """The body of an answer 4xx or 5xx: a Status with a message."""
    if media == JSON:
        return orjson.dumps({"message": text})
    return bytes(Status(message=text).SerializeToString())
