"""Escalations are read from their topic, or put aside with a reason."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from unittest.mock import Mock

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstcause.dead_letters import headers as dead_letter
from firstcause.events.service_message import UnreadableServiceMessage
from log_analyzer.incidents.escalations import ConsumedEscalation, read_escalation
from log_analyzer.intake.consumer import LogConsumer
from log_analyzer.intake.dead_letter_writer import DeadLetterWriter
from log_templates.miner import TemplateMiner
from tests.unit.log_analyzer.intake.test_message_reader import (
    SETTINGS,
    OnePoisonMessage,
    ScriptedProducer,
    Turns,
)

KEY = uuid.UUID(int=7)
RECEIVED_MS = 1_700_000_400_000
FIELDS = {
    "escalation_id": str(KEY),
    "service_name": "payment",
    "severity": "ESCALATED",
    "alert_count": 5,
    "first_alert_at": "2023-11-14T22:13:20.000Z",
    "last_alert_at": "2023-11-14T22:18:20+00:00",
    "alert_ids": ["a", "b"],
}


def test_an_escalation_is_read_as_the_streams_write_it() -> None:
    assert read_escalation(orjson.dumps(FIELDS), RECEIVED_MS) == ConsumedEscalation(
        KEY, "payment", 5, 1_700_000_000_000, 1_700_000_300_000
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"escalation_id": "x"},
        {"escalation_id": None},
        {"service_name": ""},
        {"service_name": 5},
        {"alert_count": "5"},
        {"alert_count": True},
        {"alert_count": 10**12},
        {"first_alert_at": "yesterday"},
        {"first_alert_at": "2023-11-15T22:13:20.000Z"},
        {"last_alert_at": None},
        {"last_alert_at": "2999-01-01T00:00:00Z"},
    ],
)
def test_what_is_no_escalation_is_refused(changes) -> None:
    with pytest.raises(UnreadableServiceMessage):
        read_escalation(orjson.dumps(FIELDS | changes), RECEIVED_MS)


@given(st.one_of(st.none(), st.binary(max_size=50), st.just(b"[]"), st.just(b'{"a":1}')))
def test_any_other_bytes_are_refused_too(value) -> None:
    with pytest.raises(UnreadableServiceMessage):
        read_escalation(value, RECEIVED_MS)


def run(value: bytes | None, tracker: Mock, consumer: OnePoisonMessage) -> ScriptedProducer:
    producer = ScriptedProducer()
    [message] = consumer._messages
    message.topic.return_value = SETTINGS.kafka_escalations_topic
    message.value.return_value = value
    clock = SimpleNamespace(now=0.0)
    analyzer = LogConsumer(
        settings=SETTINGS,
        tracker=tracker,
        dead_letters=DeadLetterWriter(SETTINGS, producer),
        miner=TemplateMiner(),
        consumer=consumer,
        monotonic=lambda: clock.now,
    )
    analyzer.run(Turns(3, clock))
    return producer


def test_an_escalation_is_stored_before_its_offset_is_committed() -> None:
    tracker, consumer = Mock(), OnePoisonMessage()
    committed_before: list[object] = []
    tracker.escalate.side_effect = lambda _: committed_before.extend(consumer.committed)
    producer = run(orjson.dumps(FIELDS), tracker, consumer)
    [[escalation]] = tracker.escalate.call_args.args
    assert escalation.escalation_id == KEY
    assert consumer.committed == [(3, 8)]
    assert not committed_before
    assert not producer.letters
    assert not tracker.record.called


@pytest.mark.parametrize("value", [None, b"", b"rubbish", b"\xff"])
def test_an_unreadable_escalation_goes_to_the_dead_letters(value) -> None:
    tracker, consumer = Mock(), OnePoisonMessage()
    producer = run(value, tracker, consumer)
    [letter] = producer.letters
    assert letter["value"] == value
    headers = dict(letter["headers"])
    assert headers[dead_letter.REASON] == dead_letter.UNREADABLE_ESCALATION
    assert headers[dead_letter.TOPIC] == SETTINGS.kafka_escalations_topic
    assert consumer.committed == [(3, 8)]
    assert not tracker.escalate.called
