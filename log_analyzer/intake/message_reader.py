"""Reads Kafka messages: keeps errors, alerts and escalations, and the offsets of all messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import cast

import structlog
from confluent_kafka import KafkaError, Message

from firstcause.dead_letters import headers
from firstcause.events.log_event import UnreadableLogEvent, read_log_event
from firstcause.events.service_message import UnreadableServiceMessage
from log_analyzer import metrics
from log_analyzer.episodes.alerts import read_alert
from log_analyzer.incidents.escalations import read_escalation
from log_analyzer.intake.surely_not_error import surely_not_error
from log_analyzer.intake.uncommitted_batch import (
    ReadError,
    ReadEscalation,
    UncommittedBatch,
    UnreadableMessage,
    source_of,
)

_log = structlog.get_logger()


class MessageReader:
    """Fills a batch. An unreadable log event is counted and passed; nothing blocks."""

    def __init__(
        self,
        batch: UncommittedBatch,
        escalations_topic: str,
        alerts_topic: str,
        monotonic: Callable[[], float],
    ) -> None:
        self._batch = batch
        self._escalations_topic = escalations_topic
        self._alerts_topic = alerts_topic
        self._monotonic = monotonic
        self._last_kafka_error: str | None = None

    def take(self, messages: list[Message]) -> None:
        """Looks at messages as they came; errors, escalations and offsets go into the batch."""
        seen, others, now = 0, 0, self._monotonic()
        topic, partition, last = "", -1, None
        for message in messages:
            error = message.error()
            if error is not None:
                self._kafka_error(error)
                continue
            seen += 1
            # Offsets rise within a run of one partition: its last message tells for all.
            if message.partition() != partition or message.topic() != topic:
                self._reached(last)
                topic, partition = cast(str, message.topic()), cast(int, message.partition())
            last = message
            if topic == self._escalations_topic:
                others += 1
                self._read_escalation(message)
                continue
            if topic == self._alerts_topic:
                others += 1
                self._read_alert(message, now)
                continue
            value = message.value()
            if value is None or not surely_not_error(value):
                self._read(message, value, now)
        self._reached(last)
        if seen:
            metrics.MESSAGES.inc(seen - others)
            self._last_kafka_error = None

    def _reached(self, message: Message | None) -> None:
        if message is not None:
            place = cast(str, message.topic()), cast(int, message.partition())
            self._batch.reached(*place, cast(int, message.offset()))

    def _read(self, message: Message, value: bytes | None, now: float) -> None:
        try:
            event = read_log_event(value, message.timestamp()[1])
        except UnreadableLogEvent:
            metrics.UNREADABLE.inc()
            return
        if event.is_error:
            self._batch.add(ReadError(event, message, len(value or b"")), now)

    def _read_escalation(self, message: Message) -> None:
        value = message.value()
        try:
            escalation = read_escalation(value, message.timestamp()[1])
        except UnreadableServiceMessage as error:
            metrics.UNREADABLE.inc()
            _log.warning("escalation_unreadable", offset=message.offset(), reason=str(error))
            escalation = None
        self._batch.add_escalation(ReadEscalation(escalation, source_of(message)))

    def _read_alert(self, message: Message, now: float) -> None:
        value = message.value()
        try:
            event = read_alert(value, message.timestamp()[1])
        except UnreadableServiceMessage as error:
            metrics.UNREADABLE.inc()
            _log.warning("alert_unreadable", offset=message.offset(), reason=str(error))
            source = source_of(message)
            self._batch.add_unreadable(UnreadableMessage(source, headers.UNREADABLE_ALERT))
            return
        if event is not None:
            self._batch.add(ReadError(event, message, len(value or b"")), now)

    def _kafka_error(self, error: KafkaError) -> None:
        # The client reconnects by itself; each new kind of trouble is told once.
        if error.code() != KafkaError._PARTITION_EOF and error.name() != self._last_kafka_error:
            self._last_kafka_error = error.name()
            _log.warning("kafka_trouble", error=error.name(), reason=error.str())
