"""The consumer's Kafka configuration, and rarer garbage collection for its loop."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator
from typing import Any, Final

from firstcause.settings import Settings

GARBAGE_OBJECTS: Final = 70_000


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


@contextlib.contextmanager
def rare_garbage_collection() -> Iterator[None]:
    """Collects garbage a hundred times less often, and skips existing objects.

    Messages make none. By default Python looks after each 700 of them, which costs as much as
    reading them.
    """
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(GARBAGE_OBJECTS, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
