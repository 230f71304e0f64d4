"""How the consumer loop reads Kafka."""

from __future__ import annotations

from typing import Any

from firstcause.kafka.consumer_settings import consumer_settings
from firstcause.settings import Settings


def consumer_config(settings: Settings) -> dict[str, Any]:
    """How the analyzer reads Kafka."""
    return {
        **consumer_settings(
            settings, group=settings.analyzer_group, client_id="firstcause-analyzer"
        ),
        # Each topic is shared out by itself: who has the escalations has no fewer of the logs.
        "partition.assignment.strategy": "range",
    }
