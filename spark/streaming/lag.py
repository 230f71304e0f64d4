"""Computes how many messages a query is behind its topic, from Spark's progress report. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any


def lag_messages(progress: Mapping[str, Any] | None) -> int | None:
    """Messages that Kafka had beyond the last finished batch when it ended.

    `progress` is `StreamingQuery.lastProgress`. None where it does not tell.
    """
    sources = (progress or {}).get("sources") or []
    if not sources:
        return None
    latest, ended = (_offsets(sources[0].get(name)) for name in ("latestOffset", "endOffset"))
    if not latest or not ended:
        return None
    return sum(max(0, offset - ended.get(place, offset)) for place, offset in latest.items())


def _offsets(told: Any) -> dict[tuple[str, str], int]:
    if isinstance(told, str):
        told = json.loads(told)
    return {
        (topic, partition): int(offset)
        for topic, partitions in (told or {}).items()
        for partition, offset in partitions.items()
    }
