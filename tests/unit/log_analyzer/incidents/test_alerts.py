"""Alerts open incidents where nobody logs an ERROR, each once, or join those of the same cause."""

from __future__ import annotations

import dataclasses
import itertools
import uuid
from types import SimpleNamespace
from typing import Any, cast
from unittest.mock import Mock

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.alert import Alert, alert_id, message_of
from firstcause.dead_letters import headers as dead_letter
from firstcause.events.log_event import LogEvent
from firstcause.events.service_message import UnreadableServiceMessage
from firstcause.incidents.view import ErrorGroup
from log_analyzer.episodes.alerts import AlertEvent, read_alert, severity_of
from log_analyzer.episodes.consumed_error import ConsumedError
from log_analyzer.incidents.call_graph import CallGraph
from log_analyzer.incidents.stores.board_in_memory import BoardInMemory
from log_analyzer.incidents.stores.episodes_in_memory import EpisodesInMemory
from log_analyzer.incidents.tracker import IncidentTracker
from log_analyzer.intake.consumer import LogConsumer
from log_analyzer.intake.dead_letter_writer import DeadLetterWriter
from log_analyzer.intake.mining import mined, with_template
from log_analyzer.intake.uncommitted_batch import ReadError
from log_templates.miner import TemplateMiner
from tests.unit.log_analyzer.intake.test_message_reader import (
    SETTINGS,
    OnePoisonMessage,
    ScriptedProducer,
    Turns,
)

START_MS = 1_700_000_040_000
RECEIVED_MS = START_MS + 120_000
MINUTE_MS = 60_000
CALLS = frozenset({("gateway", "cart"), ("cart", "pricing")})


def alert(service: str = "pricing", rule: str = "slow", at: int = 0, **changes: Any) -> bytes:
    start_ms = START_MS + at * MINUTE_MS
    found = Alert(
        alert_id=alert_id(rule, service, start_ms),
        rule=rule,
        service_name=service,
        severity="high",
        mode="live",
        score=90,
        observed=900.0,
        expected=16.0,
        band=(0.0, 48.0),
        learned_from="its last 30 windows",
        sentence=f"{service}: p95 of the latency is 900 ms where 16 ms is usual (rule {rule})",
        window_start_ms=start_ms,
        window_end_ms=start_ms + MINUTE_MS,
        last_window_end_ms=start_ms + MINUTE_MS,
    )
    return orjson.dumps({**message_of(found, RECEIVED_MS), **changes})


def test_an_alert_of_the_engine_is_read_as_an_error_of_its_window() -> None:
    event = read_alert(alert(), RECEIVED_MS)
    assert event is not None
    assert event.log_id == str(alert_id("slow", "pricing", START_MS))
    assert (event.service_name, event.timestamp_ms) == ("pricing", START_MS)
    assert "900 ms where 16 ms is usual" in event.message
    assert (event.rule, event.severity) == ("slow", "high")


def group_of(error: ConsumedError) -> ErrorGroup:
    return ErrorGroup(error.fingerprint, error.service_name, error.template, 1, START_MS, START_MS)


def test_no_log_event_is_taken_for_an_alert_whatever_it_says() -> None:
    event = read_alert(alert(severity="critical"), RECEIVED_MS)
    assert event is not None
    message = Mock()
    message.timestamp.return_value = (1, RECEIVED_MS)
    genuine = mined(TemplateMiner(), ReadError(event, message, 1))
    assert severity_of(group_of(genuine)) == "critical"
    fields = {name: getattr(event, name) for name in LogEvent.__dataclass_fields__}
    forged = LogEvent(**{**fields, "message": event.template, "attributes": {"rule": "slow"}})
    told = with_template(TemplateMiner(), forged, 0, 1)
    assert told.fingerprint != genuine.fingerprint
    assert severity_of(group_of(told)) is None
    template = dataclasses.replace(told, template=event.template)
    assert severity_of(group_of(template)) is None


@pytest.mark.parametrize("severity", ["low", "medium"])
def test_an_alert_that_is_not_bad_enough_is_no_incident(severity: str) -> None:
    assert read_alert(alert(severity=severity), RECEIVED_MS) is None


def test_an_alert_of_somebody_else_needs_no_sentence() -> None:
    event = read_alert(alert(sentence=None, observed=None), RECEIVED_MS)
    assert event is not None
    assert event.message == "pricing: slow: observed None, expected 16.0"


@pytest.mark.parametrize(
    "changes",
    [
        {"alert_id": "x"},
        {"alert_id": None},
        {"service_name": ""},
        {"service_name": "s" * 201},
        {"rule": ""},
        {"rule": "two words"},
        {"severity": "ESCALATED"},
        {"severity": None},
        {"window_start": None},
        {"window_end": "soon"},
        {"window_end": "2023-11-14T22:13:00.000Z"},
        {"window_start": "2026-11-15T22:13:00Z", "window_end": "2026-11-15T22:14:00Z"},
    ],
)
def test_what_lacks_fields_or_comes_from_next_year_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(UnreadableServiceMessage):
        read_alert(alert(**changes), RECEIVED_MS)


@given(st.one_of(st.none(), st.binary(max_size=50), st.just(b"[]"), st.just(b'{"alert_id":1}')))
def test_any_other_bytes_are_refused_too(value: bytes | None) -> None:
    with pytest.raises(UnreadableServiceMessage):
        read_alert(value, RECEIVED_MS)


def consumed(value: bytes | None, tracker: Mock, consumer: OnePoisonMessage) -> ScriptedProducer:
    producer = ScriptedProducer()
    [message] = consumer._messages
    message.topic.return_value = SETTINGS.kafka_alerts_topic
    message.value.return_value = value
    clock = SimpleNamespace(now=0.0)
    LogConsumer(
        settings=SETTINGS,
        tracker=tracker,
        dead_letters=DeadLetterWriter(SETTINGS, producer),
        miner=TemplateMiner(),
        consumer=consumer,
        monotonic=lambda: clock.now,
    ).run(Turns(3, clock))
    return producer


def test_an_alert_is_stored_before_its_offset_is_committed() -> None:
    tracker, consumer = Mock(), OnePoisonMessage()
    committed_before: list[object] = []
    tracker.record.side_effect = lambda _: committed_before.extend(consumer.committed)
    producer = consumed(alert(), tracker, consumer)
    [[error]] = tracker.record.call_args.args
    assert error.event.log_id == str(alert_id("slow", "pricing", START_MS))
    assert consumer.committed == [(3, 8)]
    assert not committed_before
    assert not producer.letters


@pytest.mark.parametrize("value", [None, b"", b"rubbish", b"\xff"])
def test_what_is_no_alert_goes_to_the_dead_letters(value: bytes | None) -> None:
    tracker, consumer = Mock(), OnePoisonMessage()
    producer = consumed(value, tracker, consumer)
    [letter] = producer.letters
    assert letter["value"] == value
    headers = dict(letter["headers"])
    assert headers[dead_letter.REASON] == dead_letter.UNREADABLE_ALERT
    assert headers[dead_letter.TOPIC] == SETTINGS.kafka_alerts_topic
    assert consumer.committed == [(3, 8)]
    assert not tracker.record.called


def test_a_quiet_alert_is_passed() -> None:
    tracker, consumer = Mock(), OnePoisonMessage()
    consumed(alert(severity="medium"), tracker, consumer)
    assert consumer.committed == [(3, 8)]
    assert not tracker.record.called


class Installation:
    """The consumer's state without services."""

    def __init__(self) -> None:
        self.store, self.board = EpisodesInMemory(), BoardInMemory()
        self.now_ms = START_MS
        self.miner = TemplateMiner()
        self._offsets = itertools.count()
        self.tracker = IncidentTracker(
            store=cast(Any, self.store),
            board=self.board,
            escalations=cast(Any, None),
            outbox=Mock(),
            load_graph=lambda: CallGraph(CALLS),
            load_services=lambda: {name for call in CALLS for name in call},
            quiet_ms=900_000,
            reopen_ms=600_000,
            gather_ms=0,
            clock_ms=lambda: self.now_ms,
            monotonic=lambda: self.now_ms / 1_000,
        )

    def take(self, *values: bytes | LogEvent) -> None:
        errors: list[ConsumedError] = []
        for value in values:
            offset = next(self._offsets)
            event = read_alert(value, RECEIVED_MS) if isinstance(value, bytes) else value
            assert event is not None
            if isinstance(event, AlertEvent):
                message = Mock()
                message.partition.return_value, message.offset.return_value = 0, offset
                message.timestamp.return_value = (1, RECEIVED_MS)
                errors.append(mined(self.miner, ReadError(event, message, 1)))
            else:
                errors.append(with_template(self.miner, event, 0, offset))
        self.now_ms = max(self.now_ms, *(one.moment_ms for one in errors))
        self.tracker.record(errors)
        self.tracker.merge()

    def incidents(self) -> set[frozenset[str]]:
        """The services of each incident."""
        found: dict[uuid.UUID, set[str]] = {}
        for row in self.board.read().rows.values():
            found.setdefault(row.incident_id, set()).add(row.service_name)
        return {frozenset(services) for services in found.values()}


def error(service: str, seconds: int, said: str = "Cannot answer: no quote in") -> LogEvent:
    key = uuid.uuid5(uuid.NAMESPACE_OID, f"{service}{seconds}{said}")
    at = START_MS + seconds * 1_000
    return LogEvent(str(key), at, service, "ERROR", f"{said} {service}")


def test_an_alert_alone_opens_one_incident_however_often_it_comes() -> None:
    installed = Installation()
    for _ in range(3):
        installed.take(alert())
    assert installed.incidents() == {frozenset({"pricing"})}
    [counted] = installed.store.log_ids.values()
    assert len(counted) == 1


def test_alerts_of_a_service_join_its_incident_also_minutes_later() -> None:
    installed = Installation()
    installed.take(alert())
    installed.take(alert(rule="error_rate", at=1))
    installed.take(alert(rule="silent", at=9))
    assert installed.incidents() == {frozenset({"pricing"})}


def test_an_alert_joins_the_errors_of_its_service_and_of_its_callers() -> None:
    for values in itertools.permutations([alert(), error("pricing", 20), error("cart", 25)]):
        installed = Installation()
        for value in values:
            installed.take(value)
        assert installed.incidents() == {frozenset({"pricing", "cart"})}


def test_alerts_of_services_that_call_each_other_are_one_incident() -> None:
    installed = Installation()
    installed.take(alert(), alert("cart", rule="failing"))
    installed.take(alert("gateway", rule="broken", at=1))
    assert installed.incidents() == {frozenset({"pricing", "cart", "gateway"})}


def test_alerts_of_services_that_have_nothing_in_common_stay_apart() -> None:
    installed = Installation()
    installed.take(alert(), alert("mail", rule="silent"))
    assert installed.incidents() == {frozenset({"pricing"}), frozenset({"mail"})}


def test_alerts_of_a_minute_do_not_tie_its_fault_to_one_of_minutes_before() -> None:
    before = [error("pricing", -330), error("cart", -325)]
    now = [error("cart", 45, "The carrier is away, says"), error("gateway", 48, "No way on from")]
    alerts = [alert(name, rule="availability:page") for name in ("cart", "gateway", "pricing")]
    # A minute's alert comes after its end: its errors are there before.
    for order in itertools.permutations(alerts):
        installed = Installation()
        installed.take(*before)
        for value in (*now, *order):
            installed.take(value)
        assert installed.incidents() == {
            frozenset({"pricing", "cart"}),
            frozenset({"cart", "gateway"}),
        }
