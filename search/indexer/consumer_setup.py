"""How the indexer reads Kafka."""

from __future__ import annotations

from typing import Any

from firstcause.settings import Settings


def consumer_config(settings: Settings) -> dict[str, Any]:
    """The consumer's configuration. A killed indexer is replaced after the session's 6 s."""
    return {
        "bootstrap.servers": settings.kafka_bootstrap_servers,
        "group.id": settings.search_group,
        "client.id": "firstcause-search-indexer",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "session.timeout.ms": 6_000,
        "heartbeat.interval.ms": 2_000,
        # A commit of hours that come all at once, as in a replay of months, may take minutes.
        "max.poll.interval.ms": 900_000,
        "fetch.message.max.bytes": settings.kafka_max_message_bytes,
        "topic.metadata.refresh.interval.ms": 10_000,
        "reconnect.backoff.max.ms": 2_000,
        # What is read ahead is memory of this process.
        "queued.max.messages.kbytes": 65_536,
    }
