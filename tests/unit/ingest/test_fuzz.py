"""No exception leaves a reader: mutated records, and what is large, deep or packed.

`python -m tests.unit.ingest.reader_fuzz` does the same with as many inputs as told.
"""

from __future__ import annotations

import gzip
import json

import pytest

from ingest.reading import MAX_EVENTS, read_record
from tests.unit.ingest.reader_fuzz import NAMES, RECEIVED_MS, check_run, fuzz

MIB = 1024 * 1024


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
    ],
)
def test_what_is_too_much_is_a_dead_letter_as_a_whole(record: bytes, reason: str) -> None:
    reading = read_record(record, "auto", RECEIVED_MS)
    assert (reading.reason, reading.drafts) == (reason, [])


@pytest.mark.parametrize("name", ["docker", "cloudwatch", "google_cloud", "gelf", "otlp_json"])
def test_a_record_of_another_form_than_its_source_names_is_guessed(name: str) -> None:
    record = {"level": "error", "msg": "no", "time": 1_795_339_200_445}
    [draft] = read_record(json.dumps(record).encode(), name, RECEIVED_MS).drafts
    assert (draft.body, draft.level) == ("no", "ERROR")


def test_a_number_that_is_none_is_kept_as_its_text() -> None:
    [draft] = read_record(b'{"level":"error","msg":"x","a":[NaN,1e999]}', "auto", 1).drafts
    assert draft.attributes["a"] == '["nan","inf"]'
