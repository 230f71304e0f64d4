"""Finds earlier incidents that show the same things, for people who ask about one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any, Final
from uuid import UUID

from cassandra.cluster import Session

from firstcause.incidents.door import OpenedIncident
from firstcause.incidents.records import SimilarIncident
from firstcause.incidents.view import IncidentView
from firstcause.storage.cassandra import prepare_all, rows_of_each
from firstcause.storage.stored_time import FIRST_MS
from log_analyzer.context.store import ContextStore
from log_analyzer.incident_history.earlier_incidents import earlier_of, verdict_on
from log_analyzer.report.similarity import (
    LEAST_SIMILARITY,
    Traits,
    nearness,
    shared,
    similarity,
    traits,
    traits_of,
)

LOOKED_BACK_MS: Final = 30 * 86_400_000
# So many are looked at by their first error, and so many of these by all that they show.
CANDIDATES: Final = 300
COMPARED: Final = 12
SHOWN: Final = 5
# Of one incident that is compared.
EPISODES: Final = 200

_CQL: Final = {
    "incident": "SELECT incident_id, service_name, template, merged_into FROM incidents "
    "WHERE incident_id = ?",
    "members": "SELECT episode_id FROM incident_episodes WHERE incident_id = ?",
    "episode": "SELECT service_name, template FROM episodes WHERE episode_id = ?",
    "codes": "SELECT error_code FROM episode_evidence WHERE episode_id = ? LIMIT 200",
}


class SimilarIncidents:
    """Looks up similar incidents of the last 30 days. Blocks; raises the driver's errors.

    Of an incident that is compared only its traits are read; whole are read those alone that are
    similar. Safe to share among threads.

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
        self._contexts = ContextStore(session)
        self._statements = prepare_all(session, _CQL)

    def of(self, view: IncidentView) -> tuple[SimilarIncident, ...]:
        """The most similar earlier incidents first; none whose analysis was called wrong."""
        mine = traits_of(view)
        candidates = self._candidates(view, mine)
        alike = [
            (similarity(mine, theirs), -place, other, theirs)
            for place, (other, theirs) in enumerate(
                zip(candidates, self._traits(candidates), strict=True)
            )
        ]
        found: list[SimilarIncident] = []
        # Those of one similarity as the candidates are: the nearest by their first errors.
        for likeness, _, other, theirs in sorted(alike, key=lambda one: one[:2], reverse=True):
            if likeness < LEAST_SIMILARITY or len(found) == SHOWN:
                break
            known = self._read(other)
            if known is None or known.merged_into is not None or known.first_ms >= view.first_ms:
                continue
            verdict = verdict_on(known)
            if verdict == "wrong":
                continue
            found.append(
                SimilarIncident(
                    earlier_of(known),
                    round(likeness, 3),
                    shared(mine, theirs),
                    is_confirmed=verdict == "right",
                    resolved_by=known.handling.resolved_by,
                )
            )
        found.sort(key=lambda one: (-one.similarity, -one.incident.first_ms))
        return tuple(found)

    def _traits(self, incidents: Sequence[UUID]) -> list[Traits]:
        """What each of these shows."""
        members = [
            [row.episode_id for row in rows[:EPISODES]] for rows in self._rows("members", incidents)
        ]
        episodes = [episode for own in members for episode in own]
        groups = dict(zip(episodes, self._rows("episode", episodes), strict=True))
        codes = dict(zip(episodes, self._rows("codes", episodes), strict=True))
        return [
            traits(
                [(row.service_name, row.template) for one in own for row in groups[one]],
                [row.service_name for one in own for row in groups[one]],
                path,
                [row.error_code for one in own for row in codes[one]],
            )
            for own, path in zip(members, self._contexts.paths(incidents), strict=True)
        ]

    def _candidates(self, view: IncidentView, mine: Traits) -> list[UUID]:
        """Those whose first error is one of this incident's, then those of its services."""
        since = max(FIRST_MS, view.first_ms - LOOKED_BACK_MS)
        opened = islice(self._opened(since, view.first_ms), CANDIDATES)
        ids = [one.incident_id for one in opened if one.incident_id != view.incident_id]
        ranked: list[tuple[int, int, UUID]] = []
        rows = (row for rows in self._rows("incident", ids) for row in rows)
        for place, row in enumerate(rows):
            same = nearness((row.service_name, row.template), mine)
            if same and row.merged_into is None:
                ranked.append((-same, place, row.incident_id))
        return [one for _, _, one in sorted(ranked)[:COMPARED]]

    def _rows(self, name: str, ids: Sequence[UUID]) -> list[list[Any]]:
        return rows_of_each(self._session, self._statements[name], [(one,) for one in ids])
