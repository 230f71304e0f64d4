"""Reads the hot state from Redis, or says that it is not there."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar, cast

import structlog
from redis import Redis
from redis.exceptions import RedisError

from alerting.windows import MINUTE_MS, WindowKind, WindowMetrics
from firstcause.hot_state.connection import reason_of
from firstcause.hot_state.records import (
    STATE_KEY,
    HotState,
    read_state,
    read_window,
    window_key,
)

TIMEOUT_SECONDS: Final = 0.5
# While it is away, nobody waits for it more often.
PAUSE_SECONDS: Final = 5.0
_KEYS_AT_ONCE: Final = 1_000

_Found = TypeVar("_Found")
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class HotMinutes:
    """Minutes of services that were read whole; `WindowHistory.between` for these alone."""

    windows: dict[str, list[WindowMetrics]]

    def between(
        self, service_name: str, kind: WindowKind, start_ms: int, end_ms: int
    ) -> Iterator[WindowMetrics]:
        """The minutes of a service that start in [start_ms, end_ms), oldest first."""
        found = self.windows[service_name]
        return (one for one in found if one.kind is kind and start_ms <= one.start_ms < end_ms)


class HotStateReader:
    """Asks Redis; safe for threads. Blocks for `TIMEOUT_SECONDS` a command at the most.

    Redis that is away, refuses or holds what is not ours is logged when that begins and when it
    ends, and is not asked for `PAUSE_SECONDS`.
    """

    def __init__(self, redis: Redis, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._redis = redis
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._not_before = float("-inf")
        self._problem = ""

    def state(self) -> HotState | None:
        """What holds for all windows; None where there is no hot state."""

        def read() -> HotState | None:
            value = cast("bytes | None", self._redis.get(STATE_KEY))
            return None if value is None else read_state(value)

        return self._asked(read)

    def minutes(
        self, services: Sequence[str], start_ms: int, end_ms: int, step: Callable[[], None]
    ) -> HotMinutes | None:
        """The minutes of services that start in [start_ms, end_ms); None unless all are there."""
        starts = range(start_ms + -start_ms % MINUTE_MS, end_ms, MINUTE_MS)
        asked = [(service, at_ms) for service in services for at_ms in starts]

        def read() -> HotMinutes | None:
            found: dict[str, list[WindowMetrics]] = {service: [] for service in services}
            for first in range(0, len(asked), _KEYS_AT_ONCE):
                step()
                some = asked[first : first + _KEYS_AT_ONCE]
                names = [window_key(service, WindowKind.MINUTE, at) for service, at in some]
                values = cast("list[bytes | None]", self._redis.mget(names))
                for (service, at_ms), value in zip(some, values, strict=True):
                    if value is None:
                        return None
                    window = read_window(value, service, WindowKind.MINUTE, at_ms)
                    if window is not None:
                        found[service].append(window)
            return HotMinutes(found)

        return self._asked(read)

    def _asked(self, read: Callable[[], _Found | None]) -> _Found | None:
        with self._lock:
            if self._monotonic() < self._not_before:
                return None
        try:
            found, problem = read(), ""
        except (RedisError, ValueError) as error:
            found, problem = None, reason_of(error)
        with self._lock:
            changed, self._problem = problem != self._problem, problem
            self._not_before = self._monotonic() + PAUSE_SECONDS if problem else float("-inf")
        if changed and problem:
            _log.warning("hot_state_away", reason=problem, read_instead="Cassandra")
        elif changed:
            _log.info("hot_state_back")
        return found
