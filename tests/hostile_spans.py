"""Messages of the topic `spans` that a reader must survive, and what becomes of each."""

from __future__ import annotations

from typing import Any

from tests.hostile import encoded

GOOD_SPAN: dict[str, Any] = {
    "trace_id": "6f3cbf058c2765548a39ad724905d6a1",
    "span_id": "576f9c38fc25e197",
    "parent_span_id": "00f38190ce0a9635",
    "service_name": "payment",
    "operation": "POST /charge",
    "start_ns": 1772366399123456789,
    "duration_us": 12500,
}

OTLP_SPAN: dict[str, Any] = {
    "traceId": "6F3CBF058C2765548A39AD724905D6A1",
    "spanId": "576F9C38FC25E197",
    "parentSpanId": "",
    "name": "POST /charge",
    "kind": 2,
    "startTimeUnixNano": "1772366399123456789",
    "endTimeUnixNano": "1772366399135956999",
    "attributes": [{"key": "http.status_code", "value": {"intValue": "502"}}],
    "status": {"code": 2},
}


def flat(**fields: Any) -> bytes:
    """The good span with some fields replaced, as it would stand in Kafka."""
    return encoded({**GOOD_SPAN, **fields})


def without(name: str) -> bytes:
    return encoded({key: item for key, item in GOOD_SPAN.items() if key != name})


def resource_of(service_name: Any) -> dict[str, Any]:
    attributes = [
        {"key": "host.name", "value": {"stringValue": "h1"}},
        {"key": "service.name", "value": {"stringValue": service_name}},
    ]
    return {"attributes": attributes}


def request(*spans: Any, resource: Any = None) -> dict[str, Any]:
    """An export request of one resource and scope with these spans, as parsed JSON."""
    return {
        "resourceSpans": [
            {
                "resource": resource_of("payment") if resource is None else resource,
                "scopeSpans": [{"scope": {"name": "lib"}, "spans": list(spans)}],
            }
        ]
    }


def otlp(**fields: Any) -> bytes:
    """A request of one span, with some of its fields replaced."""
    return encoded(request({**OTLP_SPAN, **fields}))


def otlp_without(name: str) -> bytes:
    return encoded(request({key: item for key, item in OTLP_SPAN.items() if key != name}))


def replaced(*path: str | int, by: Any) -> bytes:
    """A request of one span, with what stands at `path` replaced."""
    whole = request(OTLP_SPAN)
    place: Any = whole
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = by
    return encoded(whole)


_SCOPE: tuple[str | int, ...] = ("resourceSpans", 0, "scopeSpans")
_BAD_SPAN = {**OTLP_SPAN, "spanId": "no hex"}

# Name -> (value, readable spans in it, reason of its dead letter or None).
HOSTILE_SPANS: dict[str, tuple[bytes | None, int, str | None]] = {
    "good": (flat(), 1, None),
    "tombstone": (None, 0, "tombstone"),
    "empty value": (b"", 0, "empty_value"),
    "blank": (b"  \n", 0, "not_json_object"),
    "not JSON": (b"span of payment", 0, "not_json_object"),
    "a JSON array": (b"[" + flat() + b"]", 0, "not_json_object"),
    "truncated JSON": (flat()[:-20], 0, "not_json_object"),
    "broken UTF-8": (flat().replace(b"POST", b"P\xffST"), 0, "not_utf8"),
    "a control character instead of a quote": (
        flat().replace(b'charge"', b"charge\x1a"),
        0,
        "not_json_object",
    ),
    "two spans in one message": (flat() + b"\n" + flat(), 0, "not_json_object"),
    "a log event": (
        encoded({"log_id": "x", "timestamp": "2026-03-01T11:59:59Z", "service_name": "payment"}),
        0,
        "missing_trace_id",
    ),
    **{
        f"no {name}": (without(name), 0, reason)
        for name, reason in {
            "trace_id": "missing_trace_id",
            "span_id": "missing_span_id",
            "service_name": "missing_service_name",
            "start_ns": "missing_start",
            "duration_us": "missing_duration",
        }.items()
    },
    "no parent": (without("parent_span_id"), 1, None),
    "null parent": (flat(parent_span_id=None), 1, None),
    "parent of zeros": (flat(parent_span_id="0000000000000000"), 1, None),
    "no operation": (without("operation"), 1, None),
    "operation is a number": (flat(operation=7), 1, None),
    "trace id is a UUID": (flat(trace_id="6F3CBF05-8C27-6554-8A39-AD724905D6A1"), 1, None),
    "trace id is no hex": (flat(trace_id="trace of payment"), 0, "bad_trace_id"),
    "trace id of zeros": (flat(trace_id="0" * 32), 0, "bad_trace_id"),
    "trace id with a newline": (flat(trace_id="abc\n"), 1, None),
    "trace id with a line separator": (flat(trace_id="abc\u2028"), 0, "bad_trace_id"),
    "endless span id": (flat(span_id="a" * 9000), 0, "bad_span_id"),
    "parent is no hex": (flat(parent_span_id="root"), 0, "bad_parent_span_id"),
    "blank service": (flat(service_name=" \t"), 0, "missing_service_name"),
    "endless service name": (flat(service_name="x" * 70_000), 0, "service_name_too_long"),
    "start in text": (flat(start_ns="1772366399123456789"), 1, None),
    "start in seconds with a fraction": (flat(start_ns=1772366399.5), 0, "bad_start"),
    "start before 1970": (flat(start_ns=-1), 0, "bad_start"),
    "start in 1970": (flat(start_ns=0), 1, None),
    "start beyond 64 bits": (flat(start_ns=9_223_372_036_854_775_808), 0, "bad_start"),
    "start in the year 2200": (flat(start_ns=7258118400000000000), 0, "start_in_future"),
    "start a day ahead": (flat(start_ns=1772452800000000000), 1, None),
    "duration with its unit": (flat(duration_us="12ms"), 0, "bad_duration"),
    "negative duration": (flat(duration_us=-1), 0, "bad_duration"),
    "duration is true": (flat(duration_us=True), 0, "bad_duration"),
    "lone surrogate": (flat().replace(b"POST", rb"\ud800"), 1, None),
    "emoji": (flat(operation="💥 \u202eevil", service_name="bücher"), 1, None),
    "OTLP": (otlp(), 1, None),
    "OTLP with numbers": (
        otlp(startTimeUnixNano=1772366399123456789, endTimeUnixNano=1772366399135956999),
        1,
        None,
    ),
    "OTLP of two resources": (
        encoded(
            {
                "resourceSpans": [
                    *request(OTLP_SPAN, {**OTLP_SPAN, "spanId": "ab"})["resourceSpans"],
                    *request(OTLP_SPAN, resource=resource_of("cart"))["resourceSpans"],
                ]
            }
        ),
        3,
        None,
    ),
    "OTLP without a span": (encoded({"resourceSpans": []}), 0, None),
    "OTLP, a scope without a span": (encoded(request()), 0, None),
    "OTLP, a good span among bad ones": (
        encoded(request(_BAD_SPAN, OTLP_SPAN, {**OTLP_SPAN, "traceId": ""})),
        1,
        "bad_span_id",
    ),
    "OTLP, a null among the spans": (encoded(request(OTLP_SPAN, None)), 1, "missing_trace_id"),
    "OTLP, base64 ids": (otlp(traceId="bzy/BYwnZVSKOa1ySQXWoQ=="), 0, "bad_trace_id"),
    "OTLP without a service": (
        encoded(request(OTLP_SPAN, resource={})),
        0,
        "missing_service_name",
    ),
    "OTLP, resource is a text": (
        encoded(request(OTLP_SPAN, resource="payment")),
        0,
        "not_otlp",
    ),
    "OTLP, the service is a number": (
        encoded(request(OTLP_SPAN, resource=resource_of(5))),
        1,
        None,
    ),
    "OTLP without an end": (otlp_without("endTimeUnixNano"), 0, "missing_duration"),
    "OTLP, ends before its start": (otlp(endTimeUnixNano="1"), 0, "bad_duration"),
    "OTLP, resourceSpans is an object": (encoded({"resourceSpans": {}}), 0, "not_otlp"),
    "OTLP, resourceSpans is null": (encoded({"resourceSpans": None}), 0, "missing_trace_id"),
    "OTLP, no scope": (encoded({"resourceSpans": [{}]}), 0, "not_otlp"),
    "OTLP, scopeSpans is a text": (replaced(*_SCOPE, by="x"), 0, "not_otlp"),
    "OTLP, a scope is a number": (replaced(*_SCOPE, 0, by=5), 0, "not_otlp"),
    "OTLP, spans is an object": (replaced(*_SCOPE, 0, "spans", by={}), 0, "not_otlp"),
    "OTLP, a span is a text": (replaced(*_SCOPE, 0, "spans", by=["x", OTLP_SPAN]), 0, "not_otlp"),
    "OTLP in snake case": (encoded({"resource_spans": []}), 0, "missing_trace_id"),
    "a big OTLP request": (encoded(request(*([OTLP_SPAN] * 2_000))), 2_000, None),
}
