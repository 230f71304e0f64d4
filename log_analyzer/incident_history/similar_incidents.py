"""Finds earlier incidents that show the same things, for people who ask about one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from typing import Any, Final
from uuid import UUID

from cassandra.cluster import Session

from firstcause.incidents.door import OpenedIncident
from firstcause.incidents.records import SimilarIncident
from firstcause.incidents.view import IncidentView
from firstcause.storage.cassandra import rows_of_each
from firstcause.storage.stored_time import FIRST_MS
from log_analyzer.incident_history.earlier_incidents import earlier_of, verdict_on
from log_analyzer.report.similarity import LEAST_SIMILARITY, shared, similarity, traits_of

LOOKED_BACK_MS: Final = 30 * 86_400_000
# So many are looked at by their first error, and so many of these as a whole.
CANDIDATES: Final = 300
READ_WHOLE: Final = 12
SHOWN: Final = 5


class SimilarIncidents:
    """Looks up similar incidents of the last 30 days. Blocks; raises the driver's errors.

    Safe to share among threads.

    Args:
        session: of Cassandra.
        opened: incidents that opened between two times, newest first.
        read: an incident whole, without its own earlier ones.
    """

    def __init__(
        self,
        session: Session,
        opened: Callable[[int, int], Iterable[OpenedIncident]],
        read: Callable[[UUID], IncidentView | None],
    ) -> None:
        self._session = session
        self._opened = opened
        self._read = read
        self._row = session.prepare(
            "SELECT incident_id, service_name, template, merged_into FROM incidents "
            "WHERE incident_id = ?"
        )

    def of(self, view: IncidentView) -> tuple[SimilarIncident, ...]:
        """The most similar earlier incidents first; none whose analysis was called wrong."""
        mine = traits_of(view)
        found: list[SimilarIncident] = []
        for candidate in self._candidates(view):
            other = self._read(candidate)
            if other is None or other.merged_into is not None or other.first_ms >= view.first_ms:
                continue
            theirs = traits_of(other)
            alike = similarity(mine, theirs)
            verdict = verdict_on(other)
            if alike < LEAST_SIMILARITY or verdict == "wrong":
                continue
            found.append(
                SimilarIncident(
                    earlier_of(other),
                    round(alike, 3),
                    shared(mine, theirs),
                    is_confirmed=verdict == "right",
                    resolved_by=other.handling.resolved_by,
                )
            )
        found.sort(key=lambda one: (-one.similarity, -one.incident.first_ms))
        return tuple(found[:SHOWN])

    def _candidates(self, view: IncidentView) -> list[UUID]:
        """Those whose first error is one of this incident's, then those of its services."""
        since = max(FIRST_MS, view.first_ms - LOOKED_BACK_MS)
        opened = islice(self._opened(since, view.first_ms), CANDIDATES)
        ids = [one.incident_id for one in opened if one.incident_id != view.incident_id]
        templates = {one.template for one in view.groups}
        ranked: list[tuple[int, int, UUID]] = []
        for place, row in enumerate(self._rows(ids)):
            same = (row.template in templates) + (row.service_name in view.services)
            if same and row.merged_into is None:
                ranked.append((-same, place, row.incident_id))
        return [one for _, _, one in sorted(ranked)[:READ_WHOLE]]

    def _rows(self, ids: list[UUID]) -> list[Any]:
        found = rows_of_each(self._session, self._row, [(one,) for one in ids])
        return [row for rows in found for row in rows]
