"""Bytes as a log event: every kind of rubbish has a reason, and nothing else is ever raised."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from firstcause.events.log_event import (
    LEVELS,
    LogEvent,
    UnreadableLogEvent,
    UnreadableReason,
    parse_timestamp_ms,
    read_log_event,
)
from firstcause.events.log_level import LEVEL_ALIASES
from tests.hostile import GOOD, HOSTILE, with_fields

RECEIVED_MS = int(datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC).timestamp() * 1000)
DAY_MS = 24 * 3600 * 1000


def read(fields: dict) -> LogEvent:
    return read_log_event(with_fields(fields), RECEIVED_MS)


@pytest.mark.parametrize("name", HOSTILE)
def test_each_kind_of_rubbish_is_read_or_has_its_reason(name: str) -> None:
    value, reason = HOSTILE[name]
    if reason is None:
        assert UUID(read_log_event(value, RECEIVED_MS).log_id)
    else:
        with pytest.raises(UnreadableLogEvent) as caught:
            read_log_event(value, RECEIVED_MS)
        assert caught.value.reason == UnreadableReason(reason)


def test_every_reason_has_a_hostile_message() -> None:
    covered = {reason for _, reason in HOSTILE.values() if reason is not None}
    assert covered == set(UnreadableReason)


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text()),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=10,
)


def only_reasons(value: bytes | None) -> LogEvent | None:
    try:
        return read_log_event(value, RECEIVED_MS)
    except UnreadableLogEvent:
        return None


@given(st.one_of(st.none(), st.binary()))
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b"\xef\xbb\xbf{}")
def test_any_bytes_raise_nothing_else(value: bytes | None) -> None:
    assert only_reasons(value) is None


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from(sorted(GOOD)), JSON))
@example({"status_code": 10**30})
@example({"latency_ms": 1e300})
@example({"latency_ms": float("inf")})
@example({"timestamp": "2026-03-01T24:00:00Z"})
@example({"timestamp": "2900-12-31T23:59:59-17:59"})
@example({"attributes": '{"a": NaN}'})
def test_any_fields_raise_nothing_else(fields: dict) -> None:
    event = only_reasons(with_fields(fields))
    if event is not None:
        assert event.level in LEVELS
        assert event.service_name == event.service_name.strip()
        assert event.timestamp_ms <= RECEIVED_MS + DAY_MS
        assert all(isinstance(text, str) for text in event.attributes.values())
        # What is stored is text that any store takes.
        json.dumps([event.message, event.attributes], ensure_ascii=False).encode()


@given(st.integers(0, 400), st.integers(0, 255))
def test_one_wrong_byte_raises_nothing_else(at: int, byte: int) -> None:
    value = bytearray(with_fields({}))
    value[at % len(value)] = byte
    only_reasons(bytes(value))


@given(st.datetimes(datetime(1900, 1, 1), datetime(2026, 3, 2)), st.sampled_from("Zz"))
def test_a_timestamp_is_stored_to_the_millisecond(moment: datetime, zone: str) -> None:
    aware = moment.replace(tzinfo=UTC)
    expected = (aware - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000 // 1
    found = parse_timestamp_ms(moment.isoformat() + zone)
    assert found == pytest.approx(expected, abs=1)


def test_a_day_ahead_is_counted_from_the_arrival() -> None:
    assert read({"timestamp": "2026-03-02T12:00:00.000Z"}).timestamp_ms == RECEIVED_MS + DAY_MS
    with pytest.raises(UnreadableLogEvent, match="timestamp_in_future"):
        read({"timestamp": "2026-03-02T12:00:00.001Z"})


@pytest.mark.parametrize("word", LEVEL_ALIASES)
def test_levels_of_other_ecosystems_are_normalised(word: str) -> None:
    assert read({"level": f" {word.lower()} "}).level in LEVELS


def test_the_first_reason_that_applies_is_the_reason() -> None:
    with pytest.raises(UnreadableLogEvent, match="missing_level"):
        read({"level": None, "log_id": "4711", "status_code": "x"})


def test_odd_fields_are_kept_as_their_json_text() -> None:
    event = read({"message": {"a": [1, {"b": None}]}, "user_id": 4711, "session_id": True})
    assert json.loads(event.message) == {"a": [1, {"b": None}]}
    assert (event.user_id, event.session_id) == ("4711", "true")


def test_an_id_as_a_uuid_is_a_trace_id_without_dashes() -> None:
    event = read({"trace_id": "6F9619FF-8B86-4D01-B42D-00CF4FC964FF"})
    assert event.trace_id == "6f9619ff8b864d01b42d00cf4fc964ff"
