"""Reads the topic of alerts with a position of its own, and tells webhooks."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Final, Protocol

import structlog
from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, Message, TopicPartition

from firstcause.alerts.edited_file import EditedFile
from firstcause.dead_letters import headers
from firstcause.events.service_message import UnreadableServiceMessage
from firstcause.kafka.consumer_settings import consumer_settings
from firstcause.settings import Settings
from log_analyzer.intake.uncommitted_batch import SourceMessage, source_of
from log_analyzer.redaction.redactor import Redactor
from log_analyzer.webhooks.bodies import Notice, read_notice
from log_analyzer.webhooks.delivery import Delivery, Sender
from log_analyzer.webhooks.receivers import Notifications

POLL_SECONDS: Final = 0.5
IDLE_SECONDS: Final = 5.0
KAFKA_TIMEOUT_SECONDS: Final = 10.0
# A message may take all tries of all its receivers.
POLL_INTERVAL_MS: Final = 1_800_000

_log = structlog.get_logger()


class DeadLetters(Protocol):
    """Where it is kept what could not be delivered."""

    def put(self, source: SourceMessage, reason: str, error: str | None = None) -> None:
        """Returns when Kafka has it; raises otherwise."""


class WebhookConsumer:
    """Runs in a thread of its own.

    An offset is committed after all receivers of its alert have it, or a dead letter has. Killed
    in between, the alert is sent again under the same key. Without a receiver nothing is read.
    The first position of a group is the end of the topic: what went before is no news.

    Args:
        settings: names the topic, the group and Kafka.
        load: reads the file of receivers; without one that is right, nobody is told.
        sender: sends one request.
        dead_letters: where it is kept what could not be delivered.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        load: Callable[[], EditedFile[Notifications]],
        sender: Sender,
        dead_letters: DeadLetters,
        wait_seconds: float = 1.0,
    ) -> None:
        self._settings = settings
        self._load = load
        self._file: EditedFile[Notifications] | None = None
        self._dead_letters = dead_letters
        self._source: SourceMessage | None = None
        self._delivery = Delivery(sender, self._put_aside, wait_seconds)
        self._consumer: Consumer | None = None

    def run(self, stopping: threading.Event) -> None:
        """Runs until `stopping`; what fails is tried again after a pause."""
        try:
            while not stopping.is_set():
                try:
                    is_idle = not self._turn()
                except Exception:  # noqa: BLE001 - told, and tried again from the committed offset
                    _log.exception("webhooks_failed")
                    self._close()
                    is_idle = True
                if is_idle:
                    stopping.wait(IDLE_SECONDS)
        finally:
            self._close()

    def _turn(self) -> bool:
        """Reads and tells one alert; False where nobody is to be told."""
        if self._file is None:
            self._file = self._load()
        self._file.reread()
        notifications = self._file.content
        if not notifications.routes:
            self._close()
            return False
        consumer = self._subscribed()
        message = consumer.poll(POLL_SECONDS)
        if message is None:
            return True
        error = message.error()
        if error is not None:
            if error.code() != KafkaError._PARTITION_EOF:
                _log.warning("kafka_trouble", error=error.name(), reason=error.str())
            return True
        self._tell(message, notifications)
        consumer.commit(message=message, asynchronous=False)
        return True

    def _tell(self, message: Message, notifications: Notifications) -> None:
        try:
            notice = _redacted(read_notice(message.value()))
        except UnreadableServiceMessage:
            # The analyzer's own reader of this topic puts it on the dead-letter topic.
            return
        self._source = source_of(message)
        receivers = notifications.receivers_of(notice.severity, notice.kind, notice.service_name)
        self._delivery.deliver(notice, receivers)

    def _put_aside(self, error: str) -> None:
        assert self._source is not None  # noqa: S101 - set before each delivery
        self._dead_letters.put(self._source, headers.NOT_DELIVERED, error)

    def _subscribed(self) -> Consumer:
        if self._consumer is None:
            group = f"{self._settings.analyzer_group}_webhooks"
            self._consumer = Consumer(
                {
                    **consumer_settings(self._settings, group=group, client_id="webhooks"),
                    "max.poll.interval.ms": POLL_INTERVAL_MS,
                    "session.timeout.ms": 6_000,
                }
            )
            self._consumer.subscribe([self._settings.kafka_alerts_topic], on_assign=self._on_assign)
        return self._consumer

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        """A group that never was here begins at the end, and keeps that at once."""
        topic = self._settings.kafka_alerts_topic
        known = consumer.list_topics(topic, timeout=KAFKA_TIMEOUT_SECONDS).topics[topic]
        every = [TopicPartition(topic, number) for number in known.partitions]
        committed = consumer.committed(every, timeout=KAFKA_TIMEOUT_SECONDS)
        if any(one.offset >= 0 for one in committed):
            for one in partitions:
                one.offset = next(
                    (at.offset for at in committed if at.partition == one.partition),
                    OFFSET_BEGINNING,
                )
                if one.offset < 0:
                    one.offset = OFFSET_BEGINNING
        else:
            # Of all partitions, so that another instance that comes later is not the first.
            for one in every:
                _, one.offset = consumer.get_watermark_offsets(one, timeout=KAFKA_TIMEOUT_SECONDS)
            consumer.commit(offsets=every, asynchronous=False)
            ends = {one.partition: one.offset for one in every}
            for one in partitions:
                one.offset = ends[one.partition]
        consumer.assign(partitions)

    def _close(self) -> None:
        if self._consumer is not None:
            self._consumer.close()
            self._consumer = None


def _redacted(notice: Notice) -> Notice:
    """What leaves the process is redacted, whoever has written it."""
    return replace(notice, sentence=Redactor().redact(notice.sentence))
