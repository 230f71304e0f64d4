"""Writes messages that can't be processed to the dead-letter topic, unchanged."""

from __future__ import annotations

from typing import Any, Final

import structlog
from confluent_kafka import KafkaException, Producer

from firstcause.dead_letters import headers as dead_letter
from firstcause.settings import Settings
from log_analyzer import metrics
from log_analyzer.intake.uncommitted_batch import SourceMessage

# An attempt ends before its flush does, so that none is left behind for the next one's queue.
DELIVERY_SECONDS: Final = 20.0
FLUSH_SECONDS: Final = 30.0
ERROR_CHARS: Final = 1_000

_log = structlog.get_logger()


class NotPutAsideError(Exception):
    """Kafka did not acknowledge a dead letter; a later try may work."""


class DeadLetterWriter:
    """The analyzer's way to the dead-letter topic; acknowledged by all replicas, idempotent."""

    def __init__(self, settings: Settings, producer: Producer | None = None) -> None:
        self._topic = settings.kafka_dead_letter_topic
        self._consumer = settings.analyzer_group
        self._producer = producer or Producer(
            {
                "bootstrap.servers": settings.kafka_bootstrap_servers,
                "acks": "all",
                "enable.idempotence": True,
                "delivery.timeout.ms": int(DELIVERY_SECONDS * 1_000),
                "message.max.bytes": settings.kafka_max_message_bytes * 2,
            }
        )

    def put(self, source: SourceMessage, reason: str, error: str | None = None) -> None:
        """Sends one and waits for the acknowledgement, at most `FLUSH_SECONDS`.

        Key, value and headers are the source's; headers of our own names are replaced, since a
        name that stands twice has no one value.

        Raises:
            NotPutAsideError: not acknowledged; the offset must not be committed. A second try may
                leave two dead letters, which the headers tell apart from two errors.
        """
        failures: list[str] = []
        headers: list[Any] = [pair for pair in source.headers if pair[0] not in dead_letter.HEADERS]
        headers += {
            dead_letter.REASON: reason,
            dead_letter.TOPIC: source.topic,
            dead_letter.PARTITION: str(source.partition),
            dead_letter.OFFSET: str(source.offset),
            dead_letter.CONSUMER: self._consumer,
        }.items()
        if error is not None:
            headers.append((dead_letter.ERROR, error[:ERROR_CHARS]))
        try:
            self._producer.produce(
                self._topic,
                key=source.key,
                value=source.value,
                headers=headers,
                on_delivery=lambda failure, _: failures.append(str(failure)) if failure else None,
            )
            left = self._producer.flush(FLUSH_SECONDS)
        except (KafkaException, BufferError) as refusal:
            raise NotPutAsideError(f"dead letter refused: {refusal}") from refusal
        if left or failures:
            raise NotPutAsideError(f"dead letter not acknowledged: {failures}")
        metrics.DEAD_LETTERS.inc()
        _log.error(
            "message_put_aside",
            reason=reason,
            topic=source.topic,
            partition=source.partition,
            offset=source.offset,
        )
