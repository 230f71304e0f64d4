"""Sends messages and waits until Kafka has them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from firstcause.settings import Settings

DELIVERY_SECONDS: Final = 20.0
# An attempt ends before its flush does, so that none is left behind for the next one's queue.
_FLUSH_FACTOR: Final = 1.5
# The client wants more than it lingers; 0 would be without an end.
_DELIVERY_LEAST_MS: Final = 10


class AcknowledgedProducer:
    """A producer for few messages at a time; acknowledged by all replicas, idempotent.

    Args:
        settings: of the installation.
        delivery_seconds: how long Kafka may be away before an attempt fails.
    """

    def __init__(self, settings: Settings, delivery_seconds: float = DELIVERY_SECONDS) -> None:
        self._flush_seconds = delivery_seconds * _FLUSH_FACTOR
        self._producer = Producer(
            {
                "bootstrap.servers": settings.kafka_bootstrap_servers,
                "acks": "all",
                "enable.idempotence": True,
                "delivery.timeout.ms": max(_DELIVERY_LEAST_MS, int(delivery_seconds * 1_000)),
                # Told once, by the exception.
                "log_level": 2,
            }
        )

    def send(self, topic: str, messages: Iterable[tuple[str, bytes]]) -> None:
        """Sends keys and values. Blocks until Kafka has all, 1.5 times `delivery_seconds` at most.

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
        left = self._producer.flush(self._flush_seconds)
        if failures or left:
            raise KafkaException(failures[0] if failures else KafkaError(KafkaError._TIMED_OUT))
