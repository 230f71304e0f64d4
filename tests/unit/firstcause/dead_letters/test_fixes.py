"""What the fixes of a dead letter mend, and what they leave alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstcause.dead_letters.fixes import FIXES, SourcePosition, repair
from firstcause.events.log_event import UnreadableLogEvent, read_log_event

SOURCE = SourcePosition("logs", 2, 41)
NOW_MS = 1_800_000_000_000
GOOD: dict[str, Any] = {
    "log_id": "6f9619ff-8b86-4011-b42d-00cf4fc964ff",
    "timestamp": "2026-11-22T00:00:00Z",
    "service_name": "auth",
    "level": "WARN",
    "message": "m",
}


def letter(**changed: Any) -> bytes:
    fields = {**GOOD, **changed}
    return json.dumps({name: value for name, value in fields.items() if value != "gone"}).encode()


@pytest.mark.parametrize(
    ("fix", "broken", "mended"),
    [
        ("add_missing_offset", {"timestamp": "2026-11-22T00:00:00"}, {}),
        ("add_missing_offset", {"timestamp": " 2026-11-22T00:00:00.000 "}, {}),
        ("default_level", {"level": "gone"}, {"level": "INFO"}),
        ("default_level", {"level": None}, {"level": "INFO"}),
    ],
)
def test_a_fix_mends_its_fault(fix: str, broken: dict[str, Any], mended: dict[str, Any]) -> None:
    with pytest.raises(UnreadableLogEvent):
        repair(letter(**broken), SOURCE, (), NOW_MS)
    assert repair(letter(**broken), SOURCE, (fix,), NOW_MS).event == read_log_event(
        letter(**mended), NOW_MS
    )


@pytest.mark.parametrize("log_id", ["gone", "17", None, 5, ["x"]])
def test_a_new_log_id_is_always_the_same_one(log_id: object) -> None:
    first, again = (
        repair(letter(log_id=log_id), SOURCE, ("new_log_id",), NOW_MS) for _ in range(2)
    )
    other = repair(letter(log_id=log_id), SourcePosition("logs", 2, 42), ("new_log_id",), NOW_MS)
    assert first.event.log_id == again.event.log_id != other.event.log_id


def test_fixes_add_up() -> None:
    broken = letter(log_id="gone", level="?", timestamp="2026-11-22T00:00:00")
    assert repair(broken, SOURCE, tuple(FIXES), NOW_MS).event.level == "INFO"


@given(st.binary() | st.none(), st.lists(st.sampled_from(sorted(FIXES))))
def test_any_bytes_are_mended_or_refused(value: bytes | None, fixes: list[str]) -> None:
    try:
        mended = repair(value, SOURCE, fixes, NOW_MS)
    except UnreadableLogEvent:
        return
    assert read_log_event(mended.value, NOW_MS) == mended.event


def test_a_readable_letter_keeps_its_bytes() -> None:
    spaced = letter().replace(b",", b" ,")
    assert repair(spaced, SOURCE, tuple(FIXES), NOW_MS).value == spaced
