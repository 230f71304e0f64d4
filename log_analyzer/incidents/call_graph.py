"""Learns which service calls which from parent and child spans, and stores it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent

from firstcause.storage.cassandra import prepare_all
from log_analyzer.incidents.stores.writes import WRITES_AT_ONCE

LOAD_SECONDS: Final = 5.0

# Caller and callee, by service name.
Call = tuple[str, str]

_CQL: Final = {
    "load": "SELECT caller, callee FROM service_calls",
    # The event time is the cell's own timestamp: a late trace never moves last_seen back.
    "save": "INSERT INTO service_calls (caller, callee, last_seen) VALUES (?, ?, ?) "
    "USING TIMESTAMP ?",
}


class CallGraph:
    """Calls between services, without calls of a service to itself. Immutable; pure."""

    def __init__(self, calls: Iterable[Call] = ()) -> None:
        self.calls: Final = frozenset(call for call in calls if call[0] != call[1])
        callees: dict[str, set[str]] = defaultdict(set)
        for caller, callee in self.calls:
            callees[caller].add(callee)
        self._callees = {name: frozenset(found) for name, found in callees.items()}

    def callees_of(self, service_name: str) -> frozenset[str]:
        """The services that it calls directly."""
        return self._callees.get(service_name, frozenset())

    def with_calls(self, calls: Iterable[Call]) -> CallGraph:
        """This graph and these calls."""
        return CallGraph(self.calls.union(calls))


class CallGraphStore:
    """The table `service_calls`. Methods block and raise the driver's errors.

    Keep one of these where the graph is read again and again: it prepares its statements once.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)

    def load(self, timeout_seconds: float = LOAD_SECONDS) -> CallGraph:
        """All calls seen in the last 30 days: one row each, a few hundred in a big shop."""
        rows = self._session.execute(self._statements["load"], timeout=timeout_seconds)
        return CallGraph((row.caller, row.callee) for row in rows)

    def save(self, seen: Mapping[Call, int]) -> None:
        """Upserts calls with the event time (ms) when each was seen last; safe to repeat."""
        writes = [
            (
                self._statements["save"],
                (caller, callee, datetime.fromtimestamp(ms / 1000, UTC), max(1, ms * 1000)),
            )
            for (caller, callee), ms in seen.items()
            if caller != callee
        ]
        if writes:
            execute_concurrent(
                self._session, writes, concurrency=WRITES_AT_ONCE, raise_on_first_error=True
            )
