"""Sends alerts to the topic `incident_alerts`."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from alerting.alert import Alert, message_of
from firstcause.kafka.acknowledged_producer import DELIVERY_SECONDS, AcknowledgedProducer
from firstcause.settings import Settings


class AlertTopic:
    """The way to the topic; acknowledged by all replicas, keyed by service. Blocks.

    Args:
        settings: of the installation.
        clock_ms: the time now.
        delivery_seconds: how long Kafka may be away before sending fails.
    """

    def __init__(
        self,
        settings: Settings,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        delivery_seconds: float = DELIVERY_SECONDS,
    ) -> None:
        self._topic = settings.kafka_alerts_topic
        self._clock_ms = clock_ms
        self._producer = AcknowledgedProducer(settings, delivery_seconds)

    def send(self, alerts: Sequence[Alert]) -> None:
        """Sends alerts and waits until Kafka has them.

        Raises:
            KafkaException: it does not have all of them. All may be sent again: the same alert
                has the same id, and counts once.
        """
        self.send_messages([message_of(one, self._clock_ms()) for one in alerts])

    def send_messages(self, messages: Sequence[Mapping[str, Any]]) -> None:
        """Sends alerts in the form of the topic; as `send`."""
        self._producer.send(
            self._topic, [(str(one["service_name"]), orjson.dumps(one)) for one in messages]
        )
