"""Records of shippers and loggers as log events: each case is a record and what it means."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from firstcause.events.log_event import read_log_event
from ingest.assembly.assembler import PartitionAssembler
from ingest.draft import LEVEL_GUESSED, TIME_OF_ARRIVAL
from ingest.reading import Position, finished_events, log_id_of, read_record

RECEIVED_MS = 1_795_343_000_000  # 2026-11-22T10:23:20Z
POSITION = Position("shipper", 0, 7)
TRACE = "4ae9a7734adbf27997161bbdd85a3e93"


def events(record: Any, format_name: str = "auto") -> list[dict[str, Any]]:
    value = (
        record
        if isinstance(record, bytes)
        else (record.encode() if isinstance(record, str) else json.dumps(record).encode())
    )
    reading = read_record(value, format_name, RECEIVED_MS)
    assert reading.reason is None
    return list(finished_events(reading, POSITION, RECEIVED_MS))


def event(record: Any, format_name: str = "auto") -> dict[str, Any]:
    (only,) = events(record, format_name)
    return only


KUBERNETES = {
    "pod_name": "cart-7d9f8b6c54-x2lqv",
    "namespace_name": "shop",
    "container_name": "server",
    "labels": {"app": "cart"},
}

RECORDS: list[tuple[str, Any, dict[str, Any]]] = [
    (
        "fluent_bit",
        {"@timestamp": 1795339200.25,
         "log": "2026-11-22 10:20:00,1 ERROR [pool-1] a.b.Cart - empty\n",
         "stream": "stdout", "kubernetes": KUBERNETES},
        {"timestamp": "2026-11-22T09:20:00.250Z", "level": "ERROR", "message": "empty",
         "service_name": "cart", "instance": "cart-7d9f8b6c54-x2lqv", "logger": "a.b.Cart"},
    ),
    (
        "vector",
        {"source_type": "docker_logs", "message": "level=warn msg=\"pool is small\" size=3",
         "container_name": "/cart", "timestamp": "2026-11-22T09:20:00.123456789Z"},
        {"timestamp": "2026-11-22T09:20:00.123Z", "level": "WARN", "message": "pool is small",
         "service_name": "cart"},
    ),
    (
        "filebeat",
        {"@timestamp": "2026-11-22T09:20:00.5Z", "@metadata": {"beat": "filebeat"},
         "message": json.dumps({"severity": "ERROR", "msg": "no stock", "traceId": TRACE.upper()}),
         "kubernetes": {"labels": {"app_kubernetes_io/name": "stock"}}},
        {"level": "ERROR", "message": "no stock", "trace_id": TRACE, "service_name": "stock"},
    ),
    (
        "docker",
        {"log": '{"level":"fatal","message":"disk full"}\n', "stream": "stderr",
         "time": "2026-11-22T09:20:00.9Z"},
        {"level": "FATAL", "message": "disk full", "timestamp": "2026-11-22T09:20:00.900Z"},
    ),
    (
        "text",
        "2026-11-22T09:20:00.000000001Z stderr F E1122 09:20:00.000001   7 sync.go:3] lost lease",
        {"level": "ERROR", "message": "lost lease", "timestamp": "2026-11-22T09:20:00.000Z"},
    ),
    (
        "journald",
        {"MESSAGE": list(b"\x1b[31moom\x1b[0m\r"), "PRIORITY": "2", "_SYSTEMD_UNIT": "cart.service",
         "__REALTIME_TIMESTAMP": "1795339200000999", "_HOSTNAME": "h1"},
        {"level": "FATAL", "message": "oom", "service_name": "cart.service", "instance": "h1",
         "timestamp": "2026-11-22T09:20:00.000Z"},
    ),
    (
        "gelf",
        {"version": "1.1", "host": "h1", "short_message": "refused",
         "full_message": "refused\n at x",
         "timestamp": 1795339200.5, "level": 3, "_service": "cart", "_order": 5},
        {"level": "ERROR", "message": "refused", "exception": "refused\n at x",
         "service_name": "cart", "instance": "h1", "attributes": {"service": "cart", "order": "5"}},
    ),
    (
        "syslog",
        '<27>1 2026-11-22T09:20:00.5+01:00 h1 cart 99 ID1 [a@1 k="v\\"w"] \ufeffno route',
        {"level": "ERROR", "message": "no route", "service_name": "cart", "instance": "h1",
         "timestamp": "2026-11-22T08:20:00.500Z",
         "attributes": {"process.pid": "99", "a@1.k": 'v"w'}},
    ),
    (
        "syslog",
        "<28>Nov 22 09:20:00 h1 cron[12]: late",
        {"level": "WARN", "message": "late", "service_name": "cron",
         "timestamp": "2026-11-22T09:20:00.000Z"},
    ),
    (
        "google_cloud",
        {"severity": "ERROR", "textPayload": "INFO: ready", "timestamp": "2026-11-22T09:20:00Z",
         "insertId": "i1", "logName": "projects/p/logs/stderr",
         "trace": f"projects/p/traces/{TRACE}",
         "resource": {"labels": {"container_name": "cart"}}},
        {"level": "INFO", "message": "ready", "trace_id": TRACE, "service_name": "cart"},
    ),
    (
        "json",
        {"level": 50, "time": 1795339200445, "pid": 1, "hostname": "h1", "name": "cart",
         "err": {"type": "Error", "message": "boom", "stack": "Error: boom\n    at f (a.js:1)"},
         "msg": "failed"},
        {"level": "ERROR", "message": "failed", "service_name": "cart", "instance": "h1",
         "exception": "Error: boom\n    at f (a.js:1)", "timestamp": "2026-11-22T09:20:00.445Z"},
    ),
    (
        "json",
        {"level": "dpanic", "ts": 1795339200.123, "caller": "a.go:1", "msg": "odd",
         "stacktrace": "main.f\n\ta.go:1"},
        {"level": "FATAL", "message": "odd", "exception": "main.f\n\ta.go:1"},
    ),
    (
        "json",
        {"@t": "2026-11-22T09:20:00.1234567Z", "@mt": "Cart {CartId} is {State:l}", "CartId": 8,
         "State": "gone", "@x": "System.Exception: no"},
        {"level": "INFO", "message": "Cart 8 is gone", "exception": "System.Exception: no"},
    ),
    (
        "json",
        {"instant": {"epochSecond": 1795339200, "nanoOfSecond": 7000000}, "level": "ERROR",
         "loggerName": "a.B", "message": "no", "thread": "main",
         "thrown": {"name": "a.X", "message": "bad", "extendedStackTrace": "a.X: bad\n\tat a.B.c"}},
        {"timestamp": "2026-11-22T09:20:00.007Z", "logger": "a.B",
         "exception": "a.X: bad\n\tat a.B.c"},
    ),
    (
        "json",
        {"event": "refused", "level": "critical", "timestamp": "2026-11-22T09:20:00Z",
         "exception": [{"exc_type": "OSError", "exc_value": "no",
                        "frames": [{"filename": "a.py", "lineno": 3, "name": "f"}]}]},
        {"level": "FATAL", "message": "refused",
         "exception": 'OSError: no\n  File "a.py", line 3, in f'},
    ),
    (
        "json",
        {"@timestamp": "2026-11-22T14:50:00.8711662+05:30", "@version": "1", "message": "m",
         "logger_name": "a.B", "level": "WARN", "level_value": 30000, "stack_trace": "s",
         "app": "cart", "mdc": {"traceId": TRACE}},
        {"timestamp": "2026-11-22T09:20:00.871Z", "level": "WARN", "service_name": "cart",
         "trace_id": TRACE},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "record", "expected"), RECORDS)
def test_each_format_is_recognised_and_read(name: str, record: Any, expected: dict[str, Any]):
    value = record.encode() if isinstance(record, str) else json.dumps(record).encode()
    assert read_record(value, "auto", RECEIVED_MS).format == name
    found = event(record)
    assert {key: found.get(key) for key in expected} == expected


def test_a_template_has_its_properties_in_braces_that_are_closed():
    record = {"@mt": "set {a,{b:0.0} to {c}", "b": 8, "c": "{b}", "level": "error"}
    assert event(record)["message"] == "set {a,8 to {b}"


def otlp(*records: dict[str, Any], service: str = "cart") -> dict[str, Any]:
    attributes = [{"key": "service.name", "value": {"stringValue": service}}]
    return {
        "resourceLogs": [
            {"resource": {"attributes": attributes}, "scopeLogs": [{"logRecords": list(records)}]}
        ]
    }


def test_an_otlp_request_is_as_many_events_as_it_has_records():
    found = events(
        otlp(
            {"timeUnixNano": "1795339200300000000", "severityNumber": 21,
             "body": {"stringValue": "a"}, "traceId": TRACE.upper()},
            {"timeUnixNano": "0", "observedTimeUnixNano": 1795339201000000000,
             "severityText": "Information", "body": {"kvlistValue": {"values": [
                 {"key": "message", "value": {"stringValue": "inner"}},
                 {"key": "k", "value": {"intValue": "5"}}]}}},
        )
    )  # fmt: skip
    assert [one["level"] for one in found] == ["FATAL", "INFO"]
    assert [one["message"] for one in found] == ["a", "inner"]
    assert found[0]["trace_id"] == TRACE
    assert found[1]["timestamp"] == "2026-11-22T09:20:01.000Z"
    assert found[1]["attributes"] == {"k": "5"}
    assert len({one["log_id"] for one in found}) == 2


def test_documents_side_by_side_and_lists_are_all_read():
    one = json.dumps(otlp({"body": {"stringValue": "a"}}))
    assert len(events(one + one)) == 2
    assert (
        len(events("[" + '{"level":"error","msg":"x"},' * 2 + '{"level":"info","msg":"y"}]')) == 3
    )


def test_a_cloudwatch_batch_is_unpacked():
    batch = {
        "messageType": "DATA_MESSAGE",
        "logGroup": "/aws/lambda/pay",
        "logStream": "s",
        "logEvents": [{"id": "1", "timestamp": 1795339200000, "message": "[ERROR] no card"}],
    }
    packed = gzip.compress(json.dumps(batch).encode())
    for value in (packed, base64.b64encode(packed)):
        found = event(value)
        assert (found["service_name"], found["level"], found["message"]) == (
            "pay",
            "ERROR",
            "no card",
        )
    assert events({**batch, "messageType": "CONTROL_MESSAGE"}) == []


def test_text_in_json_in_text_is_opened():
    inner = json.dumps({"level": "error", "msg": "deep"})
    assert event({"log": json.dumps({"log": inner}), "stream": "stderr"})["message"] == "deep"


def test_a_level_inside_wins_over_what_a_collector_guessed():
    record = {"severity": "ERROR", "insertId": "1", "jsonPayload": {"level": "info", "msg": "ping"}}
    assert event(record)["level"] == "INFO"


def test_a_level_that_nobody_told_is_guessed_and_marked():
    found = event({"log": "java.lang.IllegalStateException: boom", "stream": "stdout"})
    assert (found["level"], found["attributes"][LEVEL_GUESSED]) == ("ERROR", "true")
    assert event({"log": "hello", "stream": "stdout"})["attributes"][LEVEL_GUESSED] == "true"


@pytest.mark.parametrize("time", [17_000_000_000_000_000_000, -5, "soon", "55563-01-01T00:00:00Z"])
def test_a_time_that_cannot_be_is_never_stored(time: Any):
    found = event({"level": "error", "msg": "x", "time": time})
    assert found["timestamp"] == "2026-11-22T10:23:20.000Z"
    assert found["attributes"][TIME_OF_ARRIVAL] == "true"
    assert found["attributes"]["time"]


def test_an_odd_trace_or_number_costs_the_field_only():
    found = event({"level": "error", "msg": "x", "trace_id": "%X{traceId}", "latency_ms": "NaN",
                   "status_code": 1e999, "span_id": "0000000000000000"})  # fmt: skip
    assert not {"trace_id", "span_id", "latency_ms", "status_code"} & found.keys()
    assert found["attributes"]["trace_id"] == "%X{traceId}"
    assert found["attributes"]["latency_ms"] == "NaN"


def test_the_id_is_of_the_source_or_of_the_position():
    record = {"level": "error", "msg": "x"}
    again = list(finished_events(read_record(json.dumps(record).encode(), "auto", 5), POSITION, 5))
    assert event(record)["log_id"] == again[0]["log_id"]
    elsewhere = Position("shipper", 0, 8)
    cloud = {
        "insertId": "42",
        "timestamp": "2026-11-22T09:20:00Z",
        "textPayload": "x",
        "logName": "l",
    }
    reading = read_record(json.dumps(cloud).encode(), "auto", RECEIVED_MS)
    assert log_id_of(reading.drafts[0], POSITION, 0) == log_id_of(reading.drafts[0], elsewhere, 0)
    own = "fa215d88-bd4e-5759-92ab-89ddaf983762"
    assert event({**record, "log_id": own})["log_id"] == own


def test_a_traceback_is_the_exception_and_its_last_line_the_message():
    text = 'Traceback (most recent call last):\n  File "a.py", line 1, in f\nValueError: no\n'
    found = event({"log": text, "stream": "stderr"})
    assert found["message"] == "ValueError: no"
    assert found["exception"].startswith("Traceback")
    found = event({"log": "pay failed\njava.lang.X: no\n\tat a.B.c(B.java:1)", "stream": "stderr"})
    assert found["message"] == "pay failed\njava.lang.X: no"


@pytest.mark.parametrize("value", [None, b"", b"  ", b"\xff\xfe{}", b"x" * (9 << 20)])
def test_what_cannot_be_read_has_a_reason(value: bytes | None):
    reading = read_record(value, "auto", RECEIVED_MS)
    assert reading.reason in {"tombstone", "empty_value", "not_utf8", "too_large"}
    assert reading.drafts == []


def test_deep_nesting_and_zip_bombs_are_bounded():
    assert events(b'{"a":' * 5_000 + b"1" + b"}" * 5_000)[0]["message"]
    bomb = gzip.compress(b"a" * (64 << 20))
    assert read_record(bomb, "auto", RECEIVED_MS).reason == "too_large"


NAMES = [
    *("level", "severity", "time", "ts", "timestamp", "@timestamp", "message", "msg", "log"),
    *("event", "kubernetes", "labels", "app", "stream", "trace_id", "exception", "err", "stack"),
    *("resourceLogs", "scopeLogs", "logRecords", "body", "stringValue", "attributes", "key"),
    *("value", "resource", "insertId", "textPayload", "jsonPayload", "MESSAGE", "PRIORITY"),
    *("logEvents", "messageType", "short_message", "host", "@mt", "@t", "instant"),
    *("epochSecond", "source_type", "@metadata", "beat", "latency_ms", "status_code"),
    *("log.level", "service", "name", "v", "thrown", "journald", "_p", "log_id"),
    *("severityNumber", "traceId", "kvlistValue", "values", "arrayValue"),
]
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=30),
    st.sampled_from(
        [
            "ERROR",
            '{"level":"error","msg":"x"}',
            "2026-11-22T09:20:00Z",
            "9" * 400,
            "\x00",
            "\ud800",
        ]
    ),
)
DOCUMENTS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(NAMES), inner, max_size=8)
    ),
    max_leaves=25,
)
RECORD_BYTES = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=100).map(lambda text: text.encode("utf-8", "replace")),
    st.dictionaries(st.sampled_from(NAMES), DOCUMENTS, min_size=1, max_size=8).map(
        lambda document: json.dumps(document).encode()
    ),
)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(RECORD_BYTES)
def test_no_record_raises_and_each_event_is_a_log_event(value: bytes):
    reading = read_record(value, "auto", RECEIVED_MS)
    assembler = PartitionAssembler()
    assembler.add(reading, POSITION, RECEIVED_MS, 0)
    assembled = list(assembler.flush())
    assert len(assembled) == len(reading.drafts)
    for one in assembled:
        finished = one.draft.finished(
            log_id_of(one.draft, one.position, one.index), RECEIVED_MS, None
        )
        read_log_event(json.dumps(finished).encode(), RECEIVED_MS)
