"""Sends alerts to the topic `incident_alerts`."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Final

import orjson
from confluent_kafka import KafkaError, KafkaException, Message, Producer

from alerting.alert import Alert, message_of
from firstcause.settings import Settings

# An attempt ends before its flush does.
DELIVERY_SECONDS: Final = 20.0
FLUSH_SECONDS: Final = 30.0


class AlertTopic:
    """The way to the topic; acknowledged by all replicas, keyed by service. Blocks."""

    def __init__(
        self,
        settings: Settings,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._topic = settings.kafka_alerts_topic
        self._clock_ms = clock_ms
        self._producer = Producer(
            {
                "bootstrap.servers": settings.kafka_bootstrap_servers,
                "acks": "all",
                "enable.idempotence": True,
                "delivery.timeout.ms": int(DELIVERY_SECONDS * 1_000),
            }
        )

    def send(self, alerts: Sequence[Alert]) -> None:
        """Sends alerts and waits until Kafka has them, at most `FLUSH_SECONDS`.

        Raises:
            KafkaException: it does not have all of them. All may be sent again: the same alert
                has the same id, and counts once.
        """
        failures: list[KafkaError] = []

        def delivered(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failures.append(error)

        for one in alerts:
            self._producer.produce(
                self._topic,
                key=one.service_name.encode(),
                value=orjson.dumps(message_of(one, self._clock_ms())),
                on_delivery=delivered,
            )
        left = self._producer.flush(FLUSH_SECONDS)
        if failures or left:
            raise KafkaException(failures[0] if failures else KafkaError(KafkaError._TIMED_OUT))
