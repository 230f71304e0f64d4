"""Reads earlier incidents of the same groups, with their analyses and feedback."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, Final, Literal
from uuid import UUID

from cassandra.cluster import Session

from firstcause.incidents.records import EarlierIncident
from firstcause.incidents.view import EARLIER_SHOWN, IncidentView
from firstcause.storage.cassandra import prepare_all, rows_of_each
from firstcause.storage.stored_time import datetime_from_ms
from log_analyzer.report.sections import suspect_names

# Earlier incidents are looked for by so many groups of an incident.
GROUPS_LOOKED_UP: Final = 8
# What is over hardly changes, and reading five of them costs five times the incident itself.
KEPT_SECONDS: Final = 30.0
KEPT_INCIDENTS: Final = 1_000

_CQL: Final = {
    "group_before": "SELECT opened_at, episode_id FROM group_episodes WHERE fingerprint = ? "
    "AND opened_at < ? ORDER BY opened_at DESC LIMIT 10",
    "placed": "SELECT incident_id FROM episodes WHERE episode_id = ?",
}


class EarlierIncidents:
    """Looks up earlier incidents; what one was is kept for `KEPT_SECONDS`.

    Safe to share among threads: two that look at the same time read twice, that is all. Methods
    block and raise the driver's errors.

    Args:
        session: of Cassandra.
        read: an incident whole, without its own earlier ones.
        merged_at_last: the incident that one is a part of now; itself if it was never merged.
        monotonic: a clock in seconds.
    """

    def __init__(
        self,
        session: Session,
        read: Callable[[UUID], IncidentView | None],
        merged_at_last: Callable[[UUID], UUID | None],
        monotonic: Callable[[], float],
    ) -> None:
        self._session = session
        self._read = read
        self._merged_at_last = merged_at_last
        self._monotonic = monotonic
        self._statements = prepare_all(session, _CQL)
        self._kept: dict[UUID, tuple[float, EarlierIncident]] = {}

    def of(
        self,
        incident: UUID,
        episodes: Collection[UUID],
        fingerprints: Sequence[UUID],
        first_ms: int,
    ) -> tuple[EarlierIncident, ...]:
        """Earlier incidents of the same groups, newest first, `EARLIER_SHOWN` at the most.

        Args:
            incident: the incident itself.
            episodes: its own, which are no earlier ones.
            fingerprints: of its groups.
            first_ms: its first error (event time).
        """
        looked_up = [(one, datetime_from_ms(first_ms)) for one in fingerprints[:GROUPS_LOOKED_UP]]
        before = {
            row.episode_id: row.opened_at
            for rows in self._rows("group_before", looked_up)
            for row in rows
            if row.episode_id not in episodes
        }
        newest = sorted(before, key=lambda one: (before[one], one), reverse=True)
        placed = [
            row.incident_id
            for rows in self._rows("placed", [(one,) for one in newest])
            for row in rows
        ]
        looked_at = {incident}
        found: list[EarlierIncident] = []
        for one in dict.fromkeys(placed):
            earlier = self._one(one) if one is not None else None
            if earlier is None or earlier.incident_id in looked_at:
                continue
            looked_at.add(earlier.incident_id)
            if earlier.first_ms < first_ms:
                found.append(earlier)
            if len(found) == EARLIER_SHOWN:
                break
        return tuple(sorted(found, key=lambda one: -one.first_ms))

    def _one(self, placed: UUID) -> EarlierIncident | None:
        """What an incident was, or the one that it is a part of now."""
        now = self._monotonic()
        until, known = self._kept.get(placed, (0.0, None))
        if known is not None and now < until:
            return known
        current = self._merged_at_last(placed)
        view = self._read(current) if current is not None else None
        if view is None:
            return None
        if len(self._kept) >= KEPT_INCIDENTS:
            self._kept = {}
        found = earlier_of(view)
        self._kept[placed] = (now + KEPT_SECONDS, found)
        return found

    def _rows(self, name: str, values: Sequence[tuple[object, ...]]) -> list[list[Any]]:
        return rows_of_each(self._session, self._statements[name], values)


def verdict_on(view: IncidentView) -> Literal["right", "wrong"] | None:
    """What people said of the analysis that the incident shows; None where they said nothing."""
    said = view.stored_analysis
    shown = ("deterministic", 0)
    if said is not None and said.source == "mistral":
        shown = (said.source, said.analysed_ms)
    return view.handling.feedback if view.handling.judges(*shown) else None


def earlier_of(view: IncidentView) -> EarlierIncident:
    """What an incident was; no culprit and no cause where people called them wrong."""
    said = view.stored_analysis
    if verdict_on(view) == "wrong":
        times = view.first_ms, view.last_ms
        return EarlierIncident(view.incident_id, *times, "", "", "inconclusive")
    return EarlierIncident(
        view.incident_id,
        view.first_ms,
        view.last_ms,
        said.culprit_service if said else suspect_names(view)[0],
        said.root_cause if said else "",
        said.confidence if said else "inconclusive",
    )
