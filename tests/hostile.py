"""Log events that a consumer must survive, and what becomes of each."""

from __future__ import annotations

import json
from typing import Any

GOOD: dict[str, Any] = {
    "log_id": "6f9619ff-8b86-4d01-b42d-00cf4fc964ff",
    "timestamp": "2026-03-01T11:59:59.123Z",
    "service_name": "payment",
    "level": "ERROR",
    "message": "card declined for order 4711",
    "instance": "payment-7d9f",
    "trace_id": "6f3cbf058c2765548a39ad724905d6a1",
    "span_id": "576f9c38fc25e197",
    "parent_span_id": "00f38190ce0a9635",
    "status_code": 502,
    "latency_ms": 12.5,
    "attributes": {"line": "115"},
}


def with_fields(fields: dict[str, Any]) -> bytes:
    """The good event with some fields replaced, as it would stand in Kafka."""
    return json.dumps({**GOOD, **fields}).encode("utf-8", "surrogatepass")


def _without(name: str) -> bytes:
    return json.dumps({key: item for key, item in GOOD.items() if key != name}).encode()


# Name -> (value, reason of its dead letter or None when it is stored).
HOSTILE: dict[str, tuple[bytes | None, str | None]] = {
    "good": (with_fields({}), None),
    "tombstone": (None, "tombstone"),
    "empty value": (b"", "empty_value"),
    "blank": (b"   ", "not_json_object"),
    "not JSON": (b"ERROR payment died", "not_json_object"),
    "a JSON array": (b"[" + with_fields({}) + b"]", "not_json_object"),
    "a JSON text": (b'"ERROR"', "not_json_object"),
    "truncated JSON": (with_fields({})[:-20], "not_json_object"),
    "truncated UTF-8": (with_fields({})[:-20] + "ü".encode()[:1], "not_utf8"),
    "broken UTF-8 inside of text": (with_fields({}).replace(b"card", b"c\xffrd"), "not_utf8"),
    "two events in one message": (with_fields({}) * 2, "not_json_object"),
    "two events, a comma between": (
        with_fields({}) + b"," + with_fields({}),
        "not_json_object",
    ),
    "single quotes": (b"{'log_id': 'x'}", "not_json_object"),
    "NaN": (with_fields({}).replace(b"12.5", b"NaN"), "not_json_object"),
    "raw null byte": (with_fields({}).replace(b"card", b"c\x00rd"), "not_json_object"),
    "a control character instead of a quote": (
        with_fields({}).replace(b'7d9f"', b"7d9f\x1a"),
        "not_json_object",
    ),
    "escaped null byte": (with_fields({"message": "a\x00b"}), None),
    "only null bytes": (b"\x00" * 64, "not_json_object"),
    **{
        f"no {name}": (_without(name), f"missing_{name}")
        for name in ("log_id", "timestamp", "service_name", "level", "message")
    },
    "null service": (with_fields({"service_name": None}), "missing_service_name"),
    "blank service": (with_fields({"service_name": " \t"}), "missing_service_name"),
    "empty message": (with_fields({"message": ""}), None),
    "log id is no UUID": (with_fields({"log_id": "4711"}), "bad_log_id"),
    "log id is a number": (with_fields({"log_id": 4711}), "bad_log_id"),
    "timestamp without offset": (
        with_fields({"timestamp": "2026-03-01T11:59:59"}),
        "bad_timestamp",
    ),
    "timestamp in epoch seconds": (with_fields({"timestamp": 1772366399}), "bad_timestamp"),
    "timestamp on February 30": (
        with_fields({"timestamp": "2026-02-30T11:59:59Z"}),
        "bad_timestamp",
    ),
    "timestamp in 1970": (with_fields({"timestamp": "1970-01-01T00:00:00Z"}), None),
    "timestamp next year": (
        with_fields({"timestamp": "2027-03-01T00:00:00Z"}),
        "timestamp_in_future",
    ),
    "timestamp a day ahead": (with_fields({"timestamp": "2026-03-02T12:00:00Z"}), None),
    "timestamp in nanoseconds": (
        with_fields({"timestamp": "2026-03-01T11:59:59.123456789+05:30"}),
        None,
    ),
    "unknown level": (with_fields({"level": "LOUD"}), "unknown_level"),
    "level is a number": (with_fields({"level": 5}), "unknown_level"),
    "level of another ecosystem": (with_fields({"level": "critical"}), None),
    "endless service name": (with_fields({"service_name": "x" * 70_000}), "service_name_too_long"),
    "nested JSON where text is due": (with_fields({"message": {"a": [1, {"b": None}]}}), None),
    "message is a number": (with_fields({"message": 42}), None),
    "status code in text": (with_fields({"status_code": "502"}), None),
    "status code is no number": (with_fields({"status_code": "bad gateway"}), "bad_status_code"),
    "latency with its unit": (with_fields({"latency_ms": "12ms"}), "bad_latency_ms"),
    "latency is true": (with_fields({"latency_ms": True}), "bad_latency_ms"),
    "trace id is no hex": (with_fields({"trace_id": "trace of payment"}), "bad_trace_id"),
    "trace id is a UUID": (
        with_fields({"trace_id": "6F9619FF-8B86-4D01-B42D-00CF4FC964FF"}),
        None,
    ),
    "endless trace id": (with_fields({"trace_id": "a" * 9000}), "bad_trace_id"),
    "attributes is a list": (with_fields({"attributes": ["line"]}), "bad_attributes"),
    "attributes is a text": (with_fields({"attributes": "line 115"}), "bad_attributes"),
    "nested attributes, a null among them": (
        with_fields({"attributes": {"a": {"b": 1}, "c": None, "d": 1.5}}),
        None,
    ),
    "unknown fields": (with_fields({"hostname": "h", "nested": {"x": [1]}}), None),
    "lone surrogate": (
        with_fields({}).replace(b"card", rb"\ud800"),
        None,
    ),
    "a message of 1 MB": (with_fields({"message": "x" * 1_000_000}), None),
    "emoji and right-to-left": (with_fields({"message": "💥 \u202eevil"}), None),
}
