"""How the indexer reads Kafka."""

from __future__ import annotations

from typing import Any

from firstcause.kafka.consumer_settings import consumer_settings
from firstcause.settings import Settings


def consumer_config(settings: Settings) -> dict[str, Any]:
    """The consumer's configuration."""
    return {
        **consumer_settings(
            settings, group=settings.search_group, client_id="firstcause-search-indexer"
        ),
        # A commit of hours that come all at once, as in a replay of months, may take minutes.
        "max.poll.interval.ms": 900_000,
        # What is read ahead is memory of this process.
        "queued.max.messages.kbytes": 65_536,
    }
