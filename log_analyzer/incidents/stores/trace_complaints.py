"""Shares between instances which service each trace complains of, through Cassandra.

Every method blocks, and raises the driver's own errors.
"""

from __future__ import annotations

import time
import uuid
from collections import OrderedDict
from collections.abc import Mapping
from typing import Final
from uuid import UUID

from cassandra.cluster import Session
from cassandra.util import min_uuid_from_time

from firstcause.storage.cassandra import prepare_all
from firstcause.storage.stored_time import datetime_from_ms
from log_analyzer.episodes.tally import MINUTE_MS
from log_analyzer.incidents.stores.board_access import TRACES_BACK_MS

# The last seconds are read again: a row may become readable late, and clocks differ a little.
OVERLAP_MS: Final = 5_000
ROWS_KEPT: Final = 5_000

_CQL: Final = {
    "tell": "INSERT INTO trace_complaints (minute, written_at, complaints) VALUES (?, ?, ?)",
    "hear": "SELECT written_at, complaints FROM trace_complaints "
    "WHERE minute = ? AND written_at > ?",
    "services": "SELECT service_name FROM services",
}


class TraceComplaints:
    """The new complaints since the last call, and all known services. Not thread-safe."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)
        self._since_ms = 0
        self._heard: OrderedDict[UUID, None] = OrderedDict()

    def tell(self, complaints: Mapping[str, str]) -> None:
        """Publishes to all instances the service that each trace (by its id) complains of."""
        if complaints:
            now_ms = time.time_ns() // 1_000_000
            values = (datetime_from_ms(now_ms - now_ms % MINUTE_MS), uuid.uuid1(), dict(complaints))
            self._session.execute(self._statements["tell"], values)

    def new(self) -> dict[str, str]:
        """The complaints published since the last call: the service, by trace id."""
        now_ms = time.time_ns() // 1_000_000
        start_ms = max(self._since_ms, now_ms - TRACES_BACK_MS)
        after = min_uuid_from_time(start_ms / 1_000)
        found: dict[str, str] = {}
        for minute_ms in range(start_ms - start_ms % MINUTE_MS, now_ms + MINUTE_MS, MINUTE_MS):
            for row in self._session.execute(
                self._statements["hear"], (datetime_from_ms(minute_ms), after)
            ):
                if row.written_at not in self._heard:
                    self._heard[row.written_at] = None
                    found.update(row.complaints or {})
        while len(self._heard) > ROWS_KEPT:
            self._heard.popitem(last=False)
        self._since_ms = max(start_ms, now_ms - OVERLAP_MS)
        return found

    def services(self) -> frozenset[str]:
        """The services that have logged."""
        rows = self._session.execute(self._statements["services"])
        return frozenset(row.service_name for row in rows)
