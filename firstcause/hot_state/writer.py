"""Writes the hot state to Redis."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Final

from redis import Redis

from alerting.windows import WindowKind, WindowMetrics
from firstcause.hot_state.records import (
    STATE_KEY,
    STATE_TTL_SECONDS,
    WINDOW_TTL_SECONDS,
    HotState,
    copier_key,
    state_value,
    window_key,
    window_value,
)

_KEYS_AT_ONCE: Final = 500

# Of a service and the start of a minute; None where the minute has no events.
Minutes = Mapping[tuple[str, int], WindowMetrics | None]


class HotStateWriter:
    """Overwrites keys by their names, so a repetition is harmless. Owned by one thread.

    Methods block, and raise what redis-py does (`redis.RedisError`).

    Args:
        redis: where it writes.
        owner: nobody else's name.
    """

    def __init__(self, redis: Redis, owner: str) -> None:
        self._redis = redis
        self._key = copier_key(owner)
        self._passes = 0

    def has_all(self) -> bool:
        """Whether Redis still has what was sealed last: not after it lost or restored data."""
        found = self._redis.get(self._key)
        return self._passes > 0 and found == str(self._passes).encode()

    def put(self, minutes: Minutes) -> None:
        """Writes minutes; they hold for readers once `seal` has said so."""
        left = iter(minutes.items())
        while some := list(itertools.islice(left, _KEYS_AT_ONCE)):
            pipeline = self._redis.pipeline(transaction=False)
            for (service, start_ms), window in some:
                key = window_key(service, WindowKind.MINUTE, start_ms)
                pipeline.set(key, window_value(window), ex=WINDOW_TTL_SECONDS)
            pipeline.execute()

    def seal(self, state: HotState) -> None:
        """Says that all minutes are there, and what else holds."""
        passes = self._passes + 1
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.set(STATE_KEY, state_value(state), ex=STATE_TTL_SECONDS)
        pipeline.set(self._key, str(passes), ex=WINDOW_TTL_SECONDS)
        pipeline.execute()
        self._passes = passes
