"""What loggers, shippers and servers of many kinds write, and what each record means."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ingest.assembly.assembler import AssembledEvent, PartitionAssembler
from ingest.reading import Position, log_id_of, read_record

RECEIVED_MS = 1_795_343_000_000
FILE = Path(__file__).with_name("records_of_loggers.jsonl")
CASES = [json.loads(line) for line in FILE.read_text("utf-8").splitlines()]


def events_of(record: Any) -> list[dict[str, Any]]:
    text = record if isinstance(record, str) else json.dumps(record)
    assembler = PartitionAssembler()
    reading = read_record(text.encode(), "auto", RECEIVED_MS)
    assembler.add(reading, Position("shipped", 0, 7), RECEIVED_MS, 0)
    return [
        entry.draft.finished(
            log_id_of(entry.draft, entry.position, entry.index), entry.received_ms, None
        )
        for entry in assembler.flush()
        if isinstance(entry, AssembledEvent)
    ]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_record_means_what_its_logger_said(case: dict[str, Any]) -> None:
    [event] = events_of(case["record"])
    expected = dict(case["expected"])
    assert expected.pop("exception_has", "") in event.get("exception", "")
    assert {name: event.get(name) for name in expected} == expected
    assert events_of(case["record"]) == [event]
