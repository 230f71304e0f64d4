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
    return encoded({**GOOD, **fields})


def encoded(value: Any) -> bytes:
    """JSON, with a number beyond a double for infinity, which JSON has no word for."""
    return json.dumps(value).replace("Infinity", "1e999").encode("utf-8", "surrogatepass")


LINE_TERMINATORS = ("\n", "\r", "\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\u2029")
RESERVED_NAMES = (
    *("__proto__", "constructor", "_corrupt_record", "value", "raw", "event", "reason", "offset"),
    *(
        "token",
        "writetime",
        "ttl",
        "select",
        "$",
        "",
        ".",
        "a.b",
        "`",
        "log_id.x",
        "Level",
    ),
)
ID_SPELLINGS = (
    *("0", "0" * 16, "0" * 32, "00000000-0000-0000-0000-000000000000", "-", "", " ", "N/A", "null"),
    *("%X{traceId}", "NO_SPAN", "ab", "A" * 31, "a" * 17, "0" * 16 + "00ff" * 4, "f" * 64),
    *("1-88fbc3df-6201cf40ca3de6411f0f456e", "Root=1-88fbc3df-6201cf40ca3de6411f0f456e"),
    *("projects/shop/traces/88fbc3df6201cf40ca3de6411f0f456e", "projects//traces/88"),
    *("00-88fbc3df6201cf40ca3de6411f0f456e-b7ad6b7169203331-01", "00-" + "0" * 32 + "-ab-01"),
    *("88fbc3df6201cf40ca3de6411f0f456e/123;o=1", "88fbc3df6201cf40ca3de6411f0f456e:ab:0:1"),
    *("463ac35c9f6413ad-a2fb4464d1a91c2f-1", "14573057136609150318", "18446744073709551615"),
    *("18446744073709551616", "99999999999999999999", "12345678901234567", "1234567890123456"),
    *(" 6F3CBF05-8C27-6554-8A39-AD724905D6A1\t", "6f3cbf058c2765548a39ad724905d6a1\u2028"),
)


def _deep(levels: int) -> bytes:
    """The good event with attributes of so many objects, one inside of the other."""
    attributes = b'{"a":' * levels + b"1e999" + b"}" * levels
    return with_fields({"attributes": "HERE"}).replace(b'"HERE"', attributes)


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
    "unknown level": (with_fields({"level": "LOUD"}), None),
    "empty level": (with_fields({"level": ""}), None),
    "level is a number": (with_fields({"level": 5}), None),
    "level in colours": (with_fields({"level": "\x1b[31merror:\x1b[0m"}), None),
    "level of another ecosystem": (with_fields({"level": "critical"}), None),
    "endless service name": (with_fields({"service_name": "x" * 70_000}), "service_name_too_long"),
    "nested JSON where text is due": (with_fields({"message": {"a": [1, {"b": None}]}}), None),
    "message is a number": (with_fields({"message": 42}), None),
    "status code in text": (with_fields({"status_code": "502"}), None),
    "status code is no number": (with_fields({"status_code": "bad gateway"}), None),
    "latency with its unit": (with_fields({"latency_ms": "12ms"}), None),
    "latency is true": (with_fields({"latency_ms": True}), None),
    "trace id is no hex": (with_fields({"trace_id": "trace of payment"}), None),
    "trace id is a UUID": (
        with_fields({"trace_id": "6F9619FF-8B86-4D01-B42D-00CF4FC964FF"}),
        None,
    ),
    "endless trace id": (with_fields({"trace_id": "a" * 9000}), None),
    "attributes is a list": (with_fields({"attributes": ["line"]}), None),
    "attributes is a text": (with_fields({"attributes": "line 115"}), None),
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
    **{
        f"{name} ends with {terminator!r}": (
            with_fields({name: str(GOOD[name]) + terminator}),
            f"bad_{name}" if name in ("log_id", "timestamp") else None,
        )
        for name in GOOD
        if name != "attributes"
        for terminator in LINE_TERMINATORS
    },
    **{
        f"{name} is {text[:20]!r}": (with_fields({name: text}), None)
        for name in ("trace_id", "span_id", "parent_span_id")
        for text in ID_SPELLINGS
    },
    **{
        f"{name} is a number of {len(number)} characters, {number[:9]}": (
            with_fields({name: 12345678}).replace(b"12345678", number.encode()),
            reason,
        )
        for name in ("status_code", "latency_ms", "message", "user_id", "trace_id")
        for number, reason in (
            ("1e999", None),
            ("-1e999", None),
            ("9" * 400, None),
            ("9" * 1_000, None),
            ("9" * 1_001, "not_json_object"),
            ("1." + "5" * 1_001, "not_json_object"),
            ("12345678901234567890", None),
        )
    },
    **{
        f"timestamp in the year {year}": (
            with_fields({"timestamp": f"{year}-03-01T11:59:59Z"}),
            reason,
        )
        for year, reason in (
            ("0000", "bad_timestamp"),
            ("0001", "bad_timestamp"),
            ("1899", "bad_timestamp"),
            ("1900", None),
            ("2999", "timestamp_in_future"),
            ("9999", "bad_timestamp"),
            ("55563", "bad_timestamp"),
        )
    },
    "keys that repeat, the last one counts": (
        with_fields({})[:-1] + b', "level": "INFO", "message": "twice", "message": "thrice"}',
        None,
    ),
    "an attribute that repeats": (
        with_fields({}).replace(b'"line": "115"', b'"line": "115", "line": "116", "level": "x"'),
        None,
    ),
    "an attribute of the name of an odd field": (
        with_fields({"trace_id": "odd", "attributes": {"trace_id": "mine", "a": "b"}}),
        None,
    ),
    "a text that holds attributes": (with_fields({"attributes": '{"a": 1, "a": [2]}'}), None),
    "a text that holds attributes and more": (with_fields({"attributes": '{"a": 1} x'}), None),
    "attributes 998 deep": (_deep(998), None),
    "attributes 998 deep and a lone surrogate": (_deep(998).replace(b"card", rb"\ud800"), None),
    "attributes 1,000 deep": (_deep(1_000), "not_json_object"),
    "attributes 100,000 deep": (
        with_fields({}).replace(b'"115"', b"[" * 100_000 + b"]" * 100_000),
        "not_json_object",
    ),
    "brackets in text are no depth": (with_fields({"message": "[{" * 2_000}), None),
    "an endless name of an attribute": (with_fields({"attributes": {"k" * 70_000: "v"}}), None),
    "ten thousand attributes": (
        with_fields({"attributes": {f"k{number}": "v" for number in range(10_000)}}),
        None,
    ),
    **{
        f"a field named {name!r}": (with_fields({name: "evil", "attributes": {name: "x"}}), None)
        for name in RESERVED_NAMES
    },
    **{
        f"NUL in {name}": (with_fields({name: "a\x00b"}), reason)
        for name, reason in (
            ("log_id", "bad_log_id"),
            ("timestamp", "bad_timestamp"),
            ("service_name", None),
            ("level", None),
            ("instance", None),
            ("trace_id", None),
        )
    },
    **{
        f"lone surrogate in {name}": (
            with_fields({name: "SURROGATE"}).replace(b"SURROGATE", rb"a\udc00"),
            reason,
        )
        for name, reason in (
            ("log_id", "bad_log_id"),
            ("timestamp", "bad_timestamp"),
            ("service_name", None),
            ("level", None),
            ("exception", None),
            ("trace_id", None),
            ("latency_ms", None),
        )
    },
    "lone surrogates as keys": (
        with_fields({}).replace(b'"line"', rb'"\ud800": "1", "\udc01"'),
        None,
    ),
    "emoji and right-to-left": (with_fields({"message": "💥 \u202eevil"}), None),
}
