"""No exception leaves a reader: mutated records, and what is large, deep or packed.

`python -m tests.unit.ingest.reader_fuzz` does the same with as many inputs as told.
"""

from __future__ import annotations

import gc
import gzip
import json
import time
import weakref
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from ingest.decoding import MAX_EVENTS
from ingest.draft import MAX_TEXT_CHARS, Draft
from ingest.readers import otlp
from ingest.readers.field_names import FieldNames
from ingest.reading import read_record
from tests.unit.ingest.reader_fuzz import NAMES, RECEIVED_MS, check_run, fuzz

MIB = 1024 * 1024


def json_request(*lists: str) -> bytes:
    """A request of OTLP with one record more than is read."""
    inner = ",".join(["{}"] * (MAX_EVENTS + 1))
    resources, scopes, records = lists
    return f'{{"{resources}":[{{"{scopes}":[{{"{records}":[{inner}]}}]}}]}}'.encode()


@pytest.mark.parametrize("name", NAMES)
def test_mutated_records_leave_no_exception(name: str) -> None:
    assert fuzz(name, 200, 15, lambda _, __: None) >= 0


@pytest.mark.parametrize("levels", [300, 1_000, 50_000])
@pytest.mark.parametrize("name", ["stack", "exception", "log", "kubernetes", "resourceLogs", "a"])
def test_a_deep_object_is_one_event(name: str, levels: int) -> None:
    deep = f'{{"{name}":' * levels + "1" + "}" * levels
    assert check_run([f'{{"level":"error","msg":"x","{name}":{deep}}}'.encode()], "auto") == 1


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"x" * (20 * MIB), "too_large"),
        (gzip.compress(b"\0" * (100 * MIB), 9), "too_large"),
        (b"[" + b'{"a":1},' * 700_000 + b'{"a":1}]', "too_many_events"),
        (b"[" + b'{"a":1},' * MAX_EVENTS + b'{"a":1}]', "too_many_events"),
        (json_request("resourceLogs", "scopeLogs", "logRecords"), "too_many_events"),
        (json_request("resourceSpans", "scopeSpans", "spans"), "too_many_events"),
    ],
)
def test_what_is_too_much_is_a_dead_letter_as_a_whole(record: bytes, reason: str) -> None:
    reading = read_record(record, "auto", RECEIVED_MS)
    assert (reading.reason, reading.drafts, reading.spans) == (reason, [], [])


@pytest.mark.parametrize(("count", "reason"), [(50_000, None), (50_001, "too_many_events")])
def test_records_of_otlp_are_counted_before_they_are_built(
    count: int, reason: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs, spans = ExportLogsServiceRequest(), ExportTraceServiceRequest()
    log_records = logs.resource_logs.add().scope_logs.add().log_records
    many_spans = spans.resource_spans.add().scope_spans.add().spans
    for _ in range(count):
        log_records.add()
        many_spans.add()
    built = 0

    def counted(*of: Any) -> Draft:
        nonlocal built
        built += 1
        return Draft(body="")

    monkeypatch.setattr(otlp, "draft_of", counted)
    reading = read_record(logs.SerializeToString(), "otlp_proto", RECEIVED_MS)
    assert (reading.reason, len(reading.drafts), built) == (
        (None, count, count) if reason is None else (reason, 0, 0)
    )
    reading = read_record(spans.SerializeToString(), "otlp_proto_spans", RECEIVED_MS)
    assert (reading.reason, len(reading.spans)) == (reason, 0 if reason else count)
    built = 0
    read_record(json_request("resourceLogs", "scopeLogs", "logRecords"), "auto", RECEIVED_MS)
    assert built == 0


@pytest.mark.parametrize("name", ["otlp_proto", "otlp_proto_spans"])
def test_empty_resources_and_scopes_of_protobuf_are_counted_too(name: str) -> None:
    resource = b"\x0a\x00"
    scope = b"\x12\x00"
    whole = scope * (MAX_EVENTS + 1)
    length = len(whole)
    one_resource = b"\x0a" + bytes([length & 127 | 128, length >> 7 & 127 | 128, length >> 14])
    for record in (resource * (MAX_EVENTS + 1), one_resource + whole):
        assert read_record(record, name, RECEIVED_MS).reason == "too_many_events"
    assert read_record(resource * MAX_EVENTS, name, RECEIVED_MS).reason is None


def test_a_template_is_read_in_a_time_of_its_length() -> None:
    template = json.dumps({"@mt": "{a," * 20_000, "level": "error"}).encode()
    started = time.process_time()
    [draft] = read_record(template, "auto", RECEIVED_MS).drafts
    assert time.process_time() - started < 1.0
    assert draft.body == "{a," * 20_000


def test_a_template_that_repeats_a_property_is_no_bomb() -> None:
    record = {"@mt": "{A} " * 1_000, "A": "x" * 100_000, "level": "error"}
    [draft] = read_record(json.dumps(record).encode(), "auto", RECEIVED_MS).drafts
    assert MAX_TEXT_CHARS < len(draft.body) < 2 * MAX_TEXT_CHARS


def test_a_long_key_is_not_repeated_for_each_leaf_below_it() -> None:
    inner = {**{str(number): None for number in range(20_000)}, "a": "kept"}
    record = {"msg": "x", "level": "error", "k" * 1_000_000: inner}
    started = time.process_time()
    [draft] = read_record(json.dumps(record).encode(), "auto", RECEIVED_MS).drafts
    assert time.process_time() - started < 1.0
    assert draft.attributes == {"k" * 200: "kept"}


def test_nothing_of_a_long_key_is_kept() -> None:
    class Key(str):
        """A key whose end is seen."""

    long = Key("k" * 65)
    seen = weakref.ref(long)
    assert FieldNames({long: 1}).first(("message",)) is None
    del long
    gc.collect()
    assert seen() is None


@pytest.mark.parametrize("name", ["docker", "cloudwatch", "google_cloud", "gelf", "otlp_json"])
def test_a_record_of_another_form_than_its_source_names_is_guessed(name: str) -> None:
    record = {"level": "error", "msg": "no", "time": 1_795_339_200_445}
    [draft] = read_record(json.dumps(record).encode(), name, RECEIVED_MS).drafts
    assert (draft.body, draft.level) == ("no", "ERROR")


def test_a_number_that_is_none_is_kept_as_its_text() -> None:
    [draft] = read_record(b'{"level":"error","msg":"x","a":[NaN,1e999]}', "auto", 1).drafts
    assert draft.attributes["a"] == '["nan","inf"]'
