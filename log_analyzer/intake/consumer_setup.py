"""How the consumer loop reads Kafka."""

from __future__ import annotations

from typing import Any

from firstcause.settings import Settings


def consumer_config(settings: Settings) -> dict[str, Any]:
    """How the analyzer reads Kafka. A killed instance is replaced after the session's 6 s."""
    return {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "group.id": settings.analyzer_group,
        "client.id": "firstcause-analyzer",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        # Each topic is shared out by itself: who has the escalations has no fewer of the logs.
        "partition.assignment.strategy": "range",
        "session.timeout.ms": 6_000,
        "heartbeat.interval.ms": 2_000,
        "fetch.message.max.bytes": settings.kafka_max_message_bytes,
        "topic.metadata.refresh.interval.ms": 10_000,
        "reconnect.backoff.max.ms": 2_000,
    }
