"""How the long-running consumers read Kafka."""

from __future__ import annotations

from typing import Any

from firstcause.settings import Settings


def consumer_settings(settings: Settings, *, group: str, client_id: str) -> dict[str, Any]:
    """Librdkafka's configuration of a consumer that stores first and commits offsets afterwards.

    It begins at the earliest offset. A killed process is replaced after the session's 6 s.
    """
    return {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "group.id": group,
        "client.id": client_id,
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "session.timeout.ms": 6_000,
        "heartbeat.interval.ms": 2_000,
        "fetch.message.max.bytes": settings.kafka_max_message_bytes,
        "topic.metadata.refresh.interval.ms": 10_000,
        "reconnect.backoff.max.ms": 2_000,
    }
