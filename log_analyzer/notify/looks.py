"""Schedules when each message is looked at again; a failing one waits and delays no other."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, TypeVar
from uuid import UUID

import structlog
from cassandra.cluster import NoHostAvailable

from log_analyzer import metrics
from log_analyzer.notify.message_row import Waiting

# One that can't be delivered waits so long, twice as long each time.
FAILED_MS: Final = 2_000
FAILED_MAX_MS: Final = 300_000

T = TypeVar("T")

_log = structlog.get_logger()


class Looks:
    """The messages that one process watches. Owned by one thread; `poke` is for any."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._poked: set[UUID] = set()
        self._next_ms: dict[UUID, int] = {}
        self._failed: dict[UUID, int] = {}

    def poke(self, incident: UUID) -> None:
        """Tells that an incident has changed: its messages are due at once."""
        self._poked.add(incident)

    def due(self, waiting: Iterable[Waiting], most: int, soon_ms: int) -> list[Waiting]:
        """Those whose time has come, or comes within `soon_ms`; the newest first."""
        now_ms = self._clock_ms()
        due = [
            one
            for one in waiting
            if self._next_ms.get(one.key, 0) <= now_ms and one.not_before_ms < now_ms + soon_ms
        ]
        return sorted(due, key=lambda one: one.newest_first)[:most]

    def due_again(self, watched: Iterable[Waiting], most: int) -> list[Waiting]:
        """Those that changed, then those that were looked at longest ago, so that none starves."""
        now_ms = self._clock_ms()
        times = {
            one: 0 if one.incident_id in self._poked else self._next_ms.get(one.key, 0)
            for one in watched
        }
        return sorted(
            (one for one, at_ms in times.items() if at_ms <= now_ms), key=lambda one: times[one]
        )[:most]

    def begun(self, one: Waiting, again_ms: int) -> None:
        """A message is looked at now, and again after this time unless another time is set."""
        self.seen(one)
        self.wait(one.key, again_ms)

    def seen(self, one: Waiting) -> None:
        """One is looked at now: what changed before is seen by that."""
        if one.incident_id is not None:
            self._poked.discard(one.incident_id)

    def wait(self, key: UUID, wait_ms: int) -> None:
        """A message is looked at again after this time."""
        self._next_ms[key] = self._clock_ms() + wait_ms

    def attempt(self, one: Waiting, look: Callable[[], T]) -> T | None:
        """What a look at one message gives; None when it fails. Raises only `NoHostAvailable`."""
        try:
            result = look()
        except NoHostAvailable:
            raise
        except Exception as error:  # noqa: BLE001 - told, counted, and tried again later
            times = self._failed.get(one.key, 0)
            wait_ms = min(FAILED_MAX_MS, FAILED_MS << min(times, 10))
            self._failed[one.key] = times + 1
            self.wait(one.key, wait_ms)
            metrics.WORKER_FAILURES.labels(worker="delivery").inc()
            _log.warning(
                "message_failed",
                incident_id=str(one.incident_id or one.key),
                reason=f"{type(error).__name__}: {error}"[:300],
                again_in_seconds=wait_ms / 1_000,
                exc_info=times == 0,
            )
            return None
        self._failed.pop(one.key, None)
        return result

    def forget_others(self, known: Iterable[Waiting]) -> set[UUID]:
        """Drops the state of messages that are no longer waited for; returns their keys."""
        waiting = list(known)
        keys, incidents = {one.key for one in waiting}, {one.incident_id for one in waiting}
        gone = self._next_ms.keys() - keys
        for key in gone:
            del self._next_ms[key]
        for key in self._failed.keys() - keys:
            del self._failed[key]
        # One that comes to be known meanwhile has no time set, so the next pass looks at it.
        for incident in self._poked.copy():
            if incident not in incidents:
                self._poked.discard(incident)
        return gone
