"""Gives what has left an incident, when that was split, a status and a message."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from uuid import UUID

from firstcause.incidents.states import Status
from log_analyzer.incidents.stores.episodes import EpisodeStore


def follow_status(store: EpisodeStore, part: UUID, whole: UUID, now_ms: int) -> Status:
    """Gives an incident that left another that one's status, unless it has one; returns it.

    As of its own last error, so that it is resolved when it is quiet, and opened by the next.
    """
    status = store.incident(part).status
    if status is None:
        bounds = store.bounds(part)
        arrival_ms = bounds.last_arrival_ms if bounds is not None else 0
        status = store.incident(whole).status or "open"
        if status == "open":
            store.write(store.open_statements(part, arrival_ms))
        else:
            store.resolve(part, now_ms, arrival_ms)
    return status


class PartsTold:
    """Which of them were told while this process ran: each is once, whoever split it and died.

    Args:
        store: has the status of incidents.
        tell: has the message of an incident looked at.
        resolved: called with an incident that is resolved already.
        clock_ms: the wall clock, ms since the epoch.
    """

    def __init__(
        self,
        store: EpisodeStore,
        tell: Callable[[UUID], None],
        resolved: Callable[[UUID], None],
        clock_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._tell = tell
        self._resolved = resolved
        self._clock_ms = clock_ms
        self._told: set[UUID] = set()

    def see(self, left: Mapping[UUID, UUID], changed: Collection[UUID]) -> None:
        """Tells of the incidents that have left others (by their ids) and were not told yet.

        Of those that were `changed`, once more.
        """
        self._told = (self._told & left.keys()).difference(changed)
        for part, whole in left.items():
            if part not in self._told:
                if follow_status(self._store, part, whole, self._clock_ms()) == "resolved":
                    self._resolved(part)
                self._tell(part)
                self._tell(whole)
                self._told.add(part)
