"""Sends batches to a Kafka topic through a bounded queue, and counts every delivery."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from firstcause.errors import FirstcauseError
from firstcause.settings import Settings
from generators.output.message_batch import MessageBatch

# Messages handed to librdkafka at once; small beside its queue, so that the queue stays busy.
MESSAGES_PER_CALL: Final = 5_000
QUEUE_MESSAGES: Final = 100_000
CONNECT_SECONDS: Final = 15.0


class DeliveryFailed(FirstcauseError):
    """Kafka did not take every message. Sending all again is safe: a log has one identity.

    Attributes:
        sent: messages handed over.
        failed: messages that are known not to be in the topic, or not known to be there.
        reason: why the first of them failed.
    """

    def __init__(self, topic: str, sent: int, failed: int, reason: str) -> None:
        super().__init__(
            f"{failed} of {sent} messages were not delivered to {topic}: {reason}. "
            "Mend that and send all again; what is stored is not stored twice."
        )
        self.sent = sent
        self.failed = failed
        self.reason = reason


@dataclass(frozen=True, slots=True)
class ProduceReport:
    """What was sent: `bytes` are those of the values, `seconds` the time it took."""

    sent: int
    delivered: int
    bytes: int
    seconds: float


def producer_config(
    settings: Settings, *, delivery_timeout_seconds: float = 120.0
) -> dict[str, Any]:
    """The producer's settings for librdkafka: durable, ordered, compressed, bounded.

    `delivery.report.only.error` spares a Python call a message: what is neither reported as
    failed nor left in the queue after a flush was delivered.
    """
    return {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "client.id": "firstcause-generator",
        "acks": "all",
        "enable.idempotence": True,
        "compression.type": "lz4",
        "linger.ms": 20,
        "batch.size": 1024 * 1024,
        "message.max.bytes": settings.kafka_max_message_bytes,
        "queue.buffering.max.messages": QUEUE_MESSAGES,
        "queue.buffering.max.kbytes": 128 * 1024,
        "delivery.timeout.ms": int(delivery_timeout_seconds * 1000),
        "delivery.report.only.error": True,
        # The partition that Kafka's own clients would choose for the key.
        "partitioner": "murmur2_random",
        # Failures are raised as errors; librdkafka need not shout about them as well.
        "log_level": 2,
    }


def connect_producer(settings: Settings, *, delivery_timeout_seconds: float = 120.0) -> Producer:
    """A producer whose Kafka has answered; blocks for 15 s at the most.

    Raises:
        FirstcauseError: Kafka does not answer.
    """
    producer = Producer(
        producer_config(settings, delivery_timeout_seconds=delivery_timeout_seconds)
    )
    try:
        producer.list_topics(settings.kafka_logs_topic, timeout=CONNECT_SECONDS)
    except KafkaException as error:
        raise FirstcauseError(
            f"Kafka does not answer at {settings.kafka_bootstrap_servers}: run `firstcause up`, "
            "or look at `firstcause status`."
        ) from error
    return producer


def produce(
    producer: Producer,
    topic: str,
    batches: Iterable[MessageBatch],
    *,
    spans_topic: str | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> ProduceReport:
    """Sends all batches and waits until Kafka has every message.

    Spans of a batch go to `spans_topic`, and to `topic` like all else without one.

    Blocks as long as the batches take to come, plus at most the producer's delivery timeout.
    A full queue holds the batches back. `on_progress` gets the number of messages of each
    hand-over. The producer may be any that confluent-kafka configures; it stays open.

    Raises:
        DeliveryFailed: a message was not delivered. It is raised as soon as it is known;
            what else was queued may still arrive.
    """
    sending = _Sending(producer, f"{topic} and {spans_topic}" if spans_topic else topic)
    began = time.monotonic()
    for batch in batches:
        for first in range(0, len(batch), MESSAGES_PER_CALL):
            part = batch.part(first, first + MESSAGES_PER_CALL)
            if spans_topic is None:
                sending.hand_over(topic, part)
            else:
                sending.hand_over(topic, part.logs_alone())
                sending.hand_over(spans_topic, part.spans_alone())
            if on_progress is not None:
                on_progress(len(part))
        producer.poll(0)
        sending.raise_failure()
    sending.finish()
    return ProduceReport(sending.sent, sending.sent, sending.value_bytes, time.monotonic() - began)


class _Sending:
    """One run of `produce`: what was handed over, and what came back as failed."""

    def __init__(self, producer: Producer, topics: str) -> None:
        self.sent = 0
        self.value_bytes = 0
        self._producer = producer
        self._topics = topics
        self._failed = 0
        self._reason: KafkaError | None = None

    def hand_over(self, topic: str, batch: MessageBatch) -> None:
        """Queues the messages in order; waits while the queue is full."""
        self.sent += len(batch)
        self.value_bytes += sum(map(len, batch.values))
        messages: list[dict[str, Any]] = [
            {"key": key, "value": value}
            for key, value in zip(batch.keys, batch.values, strict=True)
        ]
        while messages:
            self._wait_for_room(len(messages))
            queued = self._producer.produce_batch(topic, messages, on_delivery=self._delivered)
            if queued == len(messages):
                return
            messages = self._refused(messages)
            # The queue drains or its messages time out, so this ends.
            self._producer.poll(0.05)
            self.raise_failure()

    def finish(self) -> None:
        """Waits until nothing is in the queue; its messages are delivered or time out."""
        while len(self._producer):
            self._producer.flush(1.0)
            self.raise_failure()
        self.raise_failure()

    def raise_failure(self) -> None:
        """Raises DeliveryFailed when a message is known to have failed."""
        if self._reason is not None:
            # What is still queued is of unknown fate, and so is not counted as delivered.
            lost = self._failed + len(self._producer)
            raise DeliveryFailed(self._topics, self.sent, lost, self._reason.str())

    def _wait_for_room(self, wanted: int) -> None:
        while len(self._producer) > max(QUEUE_MESSAGES - wanted, 0):
            self._producer.poll(0.01)
            self.raise_failure()

    def _refused(self, messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The messages for which the queue had no room; any other refusal is a failure."""
        again = []
        for message in messages:
            error: KafkaError | None = message.pop("_error", None)
            if error is None:
                continue
            if error.code() == KafkaError._QUEUE_FULL:
                again.append(message)
            else:
                self._delivered(error, None)
        return again

    def _delivered(self, error: KafkaError | None, _: Message | None) -> None:
        if error is not None:
            self._failed += 1
            self._reason = self._reason or error
