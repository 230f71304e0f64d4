"""Sends messages and waits until Kafka has them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from firstcause.settings import Settings

# An attempt ends before its flush does, so that none is left behind for the next one's queue.
DELIVERY_SECONDS: Final = 20.0
FLUSH_SECONDS: Final = 30.0


class AcknowledgedProducer:
    """A producer for few messages at a time; acknowledged by all replicas, idempotent."""

    def __init__(self, settings: Settings) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": settings.kafka_bootstrap_servers,
                "acks": "all",
                "enable.idempotence": True,
                "delivery.timeout.ms": int(DELIVERY_SECONDS * 1_000),
                # Told once, by the exception.
                "log_level": 2,
            }
        )

    def send(self, topic: str, messages: Iterable[tuple[str, bytes]]) -> None:
        """Sends keys and values, and blocks until Kafka has all of them, `FLUSH_SECONDS` at most.

        Raises:
            KafkaException: it does not have all of them. Some may be there: a second try repeats
                them.
        """
        failures: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failures.append(error)

        for key, value in messages:
            self._producer.produce(topic, key=key.encode(), value=value, on_delivery=delivered)
        left = self._producer.flush(FLUSH_SECONDS)
        if failures or left:
            raise KafkaException(failures[0] if failures else KafkaError(KafkaError._TIMED_OUT))
