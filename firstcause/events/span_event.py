"""Parses bytes from the topic `spans` as finished spans.

A message is one span as a flat JSON object (the fields of `Span`), or an OTLP/JSON request
(`ExportTraceServiceRequest`, opentelemetry-proto, docs/specification.md, "JSON Protobuf
Encoding"), which may hold many: keys in lowerCamelCase, ids in hex of either case, 64-bit integers
as strings or numbers, unknown fields ignored.

Two readers must decide alike what is readable: this one (for replayed dead letters, in tests) and
the Spark expressions of the job that stores spans. An integration test compares them.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from firstcause.events.log_event import FUTURE_LIMIT_MS, SERVICE_NAME_MAX_CHARS
from firstcause.events.message_json import BLANKS, END, UnreadableBytes, json_object, text_of
from firstcause.events.span import Span
from firstcause.events.trace_ids import says_no_id, span_id_of, trace_id_of

FLAT_FIELDS: Final = (
    "trace_id",
    "span_id",
    "parent_span_id",
    "service_name",
    "operation",
    "start_ns",
    "duration_us",
)
# A field of `SpanText` -> its key in an OTLP span.
OTLP_FIELDS: Final[dict[str, str]] = {
    "trace_id": "traceId",
    "span_id": "spanId",
    "parent_span_id": "parentSpanId",
    "operation": "name",
    "start_ns": "startTimeUnixNano",
    "end_ns": "endTimeUnixNano",
}
SERVICE_ATTRIBUTE: Final = "service.name"

NANOSECONDS_PATTERN: Final = rf"^[0-9]{{1,19}}{END}"
MICROSECONDS_PATTERN: Final = rf"^[0-9]{{1,15}}{END}"
BIGINT_MAX: Final = 2**63 - 1

_NANOSECONDS = re.compile(NANOSECONDS_PATTERN)
_MICROSECONDS = re.compile(MICROSECONDS_PATTERN)


class UnreadableSpanReason(enum.StrEnum):
    """Why bytes hold a span that cannot be read: the value of the header `dlq.reason`.

    Checked in this order; the first that applies is a span's reason, and the first span's that
    has one is its message's. `not_otlp`: `resourceSpans` is there, but something below it is not
    of OTLP's form, so that nobody can tell which spans it holds.
    """

    TOMBSTONE = "tombstone"
    EMPTY_VALUE = "empty_value"
    NOT_UTF8 = "not_utf8"
    NOT_JSON_OBJECT = "not_json_object"
    NOT_OTLP = "not_otlp"
    MISSING_TRACE_ID = "missing_trace_id"
    MISSING_SPAN_ID = "missing_span_id"
    MISSING_SERVICE_NAME = "missing_service_name"
    MISSING_START = "missing_start"
    MISSING_DURATION = "missing_duration"
    BAD_TRACE_ID = "bad_trace_id"
    BAD_SPAN_ID = "bad_span_id"
    BAD_PARENT_SPAN_ID = "bad_parent_span_id"
    SERVICE_NAME_TOO_LONG = "service_name_too_long"
    BAD_START = "bad_start"
    START_IN_FUTURE = "start_in_future"
    BAD_DURATION = "bad_duration"


@dataclass(frozen=True, slots=True)
class SpanMessage:
    """What a message holds.

    Attributes:
        spans: the readable ones. They count also where others of their message are unreadable.
        reason: why the first unreadable one is so, which makes the message a dead letter; None
            when all could be read.
    """

    spans: tuple[Span, ...]
    reason: UnreadableSpanReason | None


@dataclass(frozen=True, slots=True)
class SpanText:
    """A span's fields as they were sent; of `end_ns` and `duration_us` a source tells one."""

    trace_id: str | None
    span_id: str | None
    parent_span_id: str | None
    service_name: str | None
    operation: str | None
    start_ns: str | None
    end_ns: str | None = None
    duration_us: str | None = None


def read_span_message(value: bytes | None, received_ms: int) -> SpanMessage:
    """Reads one Kafka message value. Raises nothing, whatever the bytes.

    Args:
        value: the message's bytes; None is a tombstone.
        received_ms: the Kafka record's own timestamp, ms since the epoch. "A day ahead" is
            counted from it, so that a later reading decides the same.
    """
    try:
        texts = _texts(json_object(value))
    except UnreadableBytes as error:
        return SpanMessage((), UnreadableSpanReason(error.fault.value))
    except _Unreadable as error:
        return SpanMessage((), error.reason)
    spans: list[Span] = []
    first: UnreadableSpanReason | None = None
    for text in texts:
        try:
            spans.append(_span(text, received_ms))
        except _Unreadable as error:
            first = first or error.reason
    return SpanMessage(tuple(spans), first)


class _Unreadable(ValueError):
    def __init__(self, reason: UnreadableSpanReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def _texts(fields: dict[str, Any]) -> list[SpanText]:
    if fields.get("resourceSpans") is None:
        return [SpanText(**{name: text_of(fields.get(name)) for name in FLAT_FIELDS})]
    resources = _objects(fields["resourceSpans"])
    return [text for resource in resources for text in _of_resource(resource)]


def _of_resource(resource: dict[str, Any]) -> Iterator[SpanText]:
    service_name = _service_name(_object(resource.get("resource")))
    for scope in _objects(resource.get("scopeSpans")):
        for span in _objects(scope.get("spans")):
            told = {name: text_of(span.get(key)) for name, key in OTLP_FIELDS.items()}
            yield SpanText(service_name=service_name, **told)


def _service_name(resource: dict[str, Any]) -> str | None:
    attributes = resource.get("attributes")
    values = [
        (text_of(one.get("key")), _object(one.get("value")).get("stringValue"))
        for one in ([] if attributes is None else _objects(attributes))
    ]
    return text_of(next((value for key, value in values if key == SERVICE_ATTRIBUTE), None))


def _object(value: Any) -> dict[str, Any]:
    """A JSON object; null stands for an empty one."""
    if not isinstance(value, dict | None):
        raise _Unreadable(UnreadableSpanReason.NOT_OTLP)
    return value or {}


def _objects(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise _Unreadable(UnreadableSpanReason.NOT_OTLP)
    return [_object(one) for one in value]


def _span(text: SpanText, received_ms: int) -> Span:
    trace_id, span_id, service_name, start, timed = _required(text)
    stored_trace_id, stored_span_id = trace_id_of(trace_id), span_id_of(span_id)
    if stored_trace_id is None:
        raise _Unreadable(UnreadableSpanReason.BAD_TRACE_ID)
    if stored_span_id is None:
        raise _Unreadable(UnreadableSpanReason.BAD_SPAN_ID)
    parent = _parent(text.parent_span_id)
    service_name = service_name.strip(BLANKS)
    if len(service_name) > SERVICE_NAME_MAX_CHARS:
        raise _Unreadable(UnreadableSpanReason.SERVICE_NAME_TOO_LONG)
    start_ns = _nanoseconds(start)
    if start_ns is None:
        raise _Unreadable(UnreadableSpanReason.BAD_START)
    if start_ns // 1_000_000 > received_ms + FUTURE_LIMIT_MS:
        raise _Unreadable(UnreadableSpanReason.START_IN_FUTURE)
    return Span(
        trace_id=stored_trace_id,
        span_id=stored_span_id,
        parent_span_id=parent,
        service_name=service_name,
        operation=text.operation or "",
        start_ns=start_ns,
        duration_us=_duration_us(text, timed, start_ns),
    )


def _required(text: SpanText) -> tuple[str, str, str, str, str]:
    reasons = UnreadableSpanReason
    return (
        _said(text.trace_id, reasons.MISSING_TRACE_ID),
        _said(text.span_id, reasons.MISSING_SPAN_ID),
        _said(text.service_name, reasons.MISSING_SERVICE_NAME),
        _said(text.start_ns, reasons.MISSING_START),
        _said(_timed(text), reasons.MISSING_DURATION),
    )


def _said(text: str | None, missing: UnreadableSpanReason) -> str:
    if text is None or not text.strip(BLANKS):
        raise _Unreadable(missing)
    return text


def _parent(text: str | None) -> str | None:
    if text is None or says_no_id(text):
        return None
    parent = span_id_of(text)
    if parent is None:
        raise _Unreadable(UnreadableSpanReason.BAD_PARENT_SPAN_ID)
    return parent


def _nanoseconds(text: str) -> int | None:
    if not _NANOSECONDS.match(text) or int(text) > BIGINT_MAX:
        return None
    return int(text)


def _timed(text: SpanText) -> str | None:
    return text.end_ns if text.duration_us is None else text.duration_us


def _duration_us(text: SpanText, timed: str, start_ns: int) -> int:
    """What the source says, else from start to end, rounded down."""
    if text.duration_us is not None:
        if not _MICROSECONDS.match(timed):
            raise _Unreadable(UnreadableSpanReason.BAD_DURATION)
        return int(timed)
    end_ns = _nanoseconds(timed)
    if end_ns is None or end_ns < start_ns:
        raise _Unreadable(UnreadableSpanReason.BAD_DURATION)
    return (end_ns - start_ns) // 1_000
