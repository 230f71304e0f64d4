"""Errors that can't be processed, put on the dead-letter topic unchanged."""

from __future__ import annotations

from typing import Final

import structlog
from confluent_kafka import KafkaException, Producer

from firstcause import dead_letter
from firstcause.settings import Settings
from log_analyzer import metrics
from log_analyzer.incident import ConsumedError

FLUSH_SECONDS: Final = 30.0


_log = structlog.get_logger()


class DeadLetters:
    """The analyzer's way to the dead-letter topic; acknowledged by all replicas, idempotent."""

    def __init__(self, settings: Settings) -> None:
        self._topic = settings.kafka_dead_letter_topic
        self._consumer = settings.analyzer_group
        self._producer = Producer(
            {
                "bootstrap.servers": settings.kafka_bootstrap_servers,
                "acks": "all",
                "enable.idempotence": True,
                "message.max.bytes": settings.kafka_max_message_bytes * 2,
            }
        )

    def put(self, error: ConsumedError, topic: str) -> None:
        """Sends one and waits for the acknowledgement, at most `FLUSH_SECONDS`.

        Raises:
            KafkaException: not acknowledged; the offset must not be committed. A second try may
                leave two dead letters, which the headers tell apart from two errors.
        """
        failures: list[str] = []
        self._producer.produce(
            self._topic,
            value=error.value,
            headers={
                dead_letter.REASON: dead_letter.PROCESSING_FAILED,
                dead_letter.TOPIC: topic,
                dead_letter.PARTITION: str(error.partition),
                dead_letter.OFFSET: str(error.offset),
                dead_letter.CONSUMER: self._consumer,
            },
            on_delivery=lambda failure, _: failures.append(str(failure)) if failure else None,
        )
        if self._producer.flush(FLUSH_SECONDS) or failures:
            raise KafkaException(f"dead letter not acknowledged: {failures}")
        metrics.DEAD_LETTERS.inc()
        _log.error("error_put_aside", log_id=error.event.log_id, offset=error.offset)
