"""Which topic a dead letter goes back to, and which letters stay."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstcause.dead_letters import headers as dead_letter
from firstcause.dead_letters.destination import (
    DeadLetter,
    Returned,
    StaysUnreadable,
    prepare_for_resend,
)
from firstcause.dead_letters.fixes import FIXES, SourcePosition
from firstcause.settings import Settings
from tests.hostile import GOOD
from tests.hostile_spans import HOSTILE_SPANS, flat

NOW_MS = 1_800_000_000_000
SOURCE = SourcePosition("spans", 2, 41)
SETTINGS = Settings(_env_file=None)  # type: ignore[call-arg]
LOG = json.dumps(GOOD).encode()


def letter(value: bytes | None, consumer: str, topic: str = "spans") -> DeadLetter:
    headers = {
        dead_letter.TOPIC: topic.encode(),
        dead_letter.PARTITION: b"2",
        dead_letter.OFFSET: b"41",
        dead_letter.CONSUMER: consumer.encode(),
    }
    return DeadLetter(headers, b"key", value)


def back(value: bytes | None, consumer: str, **fields: Any) -> Returned:
    of = letter(value, consumer, **fields)
    return prepare_for_resend(of, SOURCE, tuple(FIXES), SETTINGS, NOW_MS)


def test_each_kind_goes_back_to_its_own_topic() -> None:
    assert back(flat(), "store_spans") == Returned("spans", b"key", flat())
    assert back(LOG, "store_logs", topic="logs") == Returned("logs", b"payment", LOG)
    assert back(LOG, "analyzer", topic="elsewhere").topic == "logs"


@given(st.sampled_from([LOG, flat(), b"{}", b"", None]) | st.binary())
def test_a_letter_of_spans_never_goes_to_the_logs(value: bytes | None) -> None:
    try:
        assert back(value, "store_spans").topic == "spans"
    except StaysUnreadable:
        assert value != flat()


@pytest.mark.parametrize("name", HOSTILE_SPANS)
def test_a_message_of_spans_goes_back_only_when_all_of_it_is_readable(name: str) -> None:
    value, _, reason = HOSTILE_SPANS[name]
    if reason is None:
        assert back(value, "store_spans").value == value
    else:
        with pytest.raises(StaysUnreadable) as caught:
            back(value, "store_spans")
        assert caught.value.reason == reason


def test_what_kafka_would_refuse_stays() -> None:
    value = flat(operation="x" * SETTINGS.kafka_max_message_bytes)
    with pytest.raises(StaysUnreadable, match="too_large"):
        back(value, "store_spans")


def test_a_letter_that_does_not_tell_its_source_has_none() -> None:
    assert DeadLetter({dead_letter.TOPIC: b"spans"}, b"", b"").source is None
    assert letter(b"", "store_spans").source == SOURCE
