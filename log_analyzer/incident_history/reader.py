"""Reads an incident whole from Cassandra, the same for all interfaces."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from cassandra.cluster import Session

from firstcause.alerts.escalation_history import EscalationHistory
from firstcause.incidents.door import OpenedIncident
from firstcause.incidents.view import IncidentView
from firstcause.storage.cassandra import prepare_all, rows_of_each
from firstcause.storage.stored_time import (
    LAST_MS,
    datetime_from_ms,
    ms_from_datetime,
    optional_ms,
)
from log_analyzer.context.store import ContextStore
from log_analyzer.handling.human_actions_store import HumanActionsStore
from log_analyzer.incident_history.earlier_incidents import EarlierIncidents
from log_analyzer.incident_history.episode_reader import EpisodeReader
from log_analyzer.incident_history.failing_services import FailingSpan, failing_services
from log_analyzer.incident_history.present_evidence import present_first
from log_analyzer.incident_history.rows import (
    EpisodeRows,
    analysis,
    error_groups,
    error_minutes,
    evidence_of,
    first_failures,
    sent_message,
)
from log_analyzer.incident_history.severity import with_severity
from log_analyzer.incidents.call_graph import CallGraph, CallGraphStore
from log_analyzer.incidents.escalations import OVERLAP_MS
from log_analyzer.incidents.stores.board import BOARD

GRAPH_SECONDS: Final = 30.0
MERGES_FOLLOWED: Final = 50
READ_AT_ONCE: Final = 8

_CQL: Final = {
    "incident": "SELECT * FROM incidents WHERE incident_id = ?",
    "board_row": "SELECT incident_id FROM incident_board WHERE board = ? AND episode_id = ?",
    "members": "SELECT episode_id FROM incident_episodes WHERE incident_id = ?",
    "episode": "SELECT * FROM episodes WHERE episode_id = ?",
    "tallies": "SELECT * FROM episode_tallies WHERE episode_id = ?",
    "evidence": "SELECT * FROM episode_evidence WHERE episode_id = ?",
    "analyses": "SELECT * FROM incident_analyses WHERE incident_id = ?",
    "message": "SELECT * FROM incident_messages WHERE incident_id = ?",
    "days": "SELECT day FROM incident_days WHERE scope = 'all' AND day >= ? AND day <= ?",
    "of_day": "SELECT opened_at, incident_id FROM incidents_by_day WHERE day = ? "
    "AND opened_at >= ? AND opened_at <= ?",
}


class IncidentReader:
    """Reads incidents; every method blocks and raises the driver's errors.

    `shown` makes of each incident what its reader may see; all of it by default.
    """

    def __init__(
        self,
        session: Session,
        monotonic: Callable[[], float] = time.monotonic,
        shown: Callable[[IncidentView], IncidentView] = lambda view: view,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._shown = shown
        self._session = session
        self._statements = prepare_all(session, _CQL)
        self._escalations = EscalationHistory(session)
        self._graphs = CallGraphStore(session)
        self._contexts = ContextStore(session)
        self._handling = HumanActionsStore(session)
        self._monotonic = monotonic
        self._clock_ms = clock_ms
        self._earlier = EarlierIncidents(
            session,
            self.read_alone,
            self._merged_at_last,
            monotonic,
        )
        self._episode_reader = EpisodeReader(self._rows_of_all, monotonic, clock_ms)
        self._graph = CallGraph()
        self._graph_due = float("-inf")

    def _rows(self, name: str, *values: object) -> list[Any]:
        return list(self._session.execute(self._statements[name], values))

    def _rows_of_all(self, name: str, keys: Sequence[UUID]) -> list[list[Any]]:
        return rows_of_each(self._session, self._statements[name], [(key,) for key in keys])

    def read(self, incident: UUID) -> IncidentView | None:
        """A whole incident; None if no incident has this id.

        One that was merged has `merged_into`, and shows what it was by itself.
        """
        view = self._read(incident, with_earlier=True)
        return view and self._shown(view)

    def read_alone(self, incident: UUID) -> IncidentView | None:
        """As `read`, without its earlier incidents, which cost more than itself."""
        view = self._read(incident, with_earlier=False)
        return view and self._shown(view)

    def read_all(self, incidents: Collection[UUID]) -> dict[UUID, Future[IncidentView | None]]:
        """`read` for several at once; all are done, and each result may raise."""
        with ThreadPoolExecutor(READ_AT_ONCE, "incident-reader") as pool:
            return {one: pool.submit(self.read, one) for one in incidents}

    def since(self, start: datetime, *, merged: bool = False) -> Iterator[IncidentView]:
        """Incidents opened at or after `start` (event time), newest first.

        Those that were merged into another are left out unless `merged`.
        """
        for one in self.opened(ms_from_datetime(start), LAST_MS):
            view = self.read(one.incident_id)
            if view is not None and (merged or view.merged_into is None):
                yield view

    def opened(self, start_ms: int, until_ms: int) -> Iterator[OpenedIncident]:
        """Those that opened in [start_ms, until_ms], newest first, then by id; read as taken."""
        start, until = datetime_from_ms(start_ms), datetime_from_ms(until_ms)
        for day in self._rows("days", start.date(), until.date()):
            rows = self._rows("of_day", day.day, start, until)
            found = [
                OpenedIncident(row.incident_id, ms_from_datetime(row.opened_at)) for row in rows
            ]
            yield from sorted(found, key=lambda one: (-one.opened_ms, str(one.incident_id)))

    def _read(self, incident: UUID, *, with_earlier: bool) -> IncidentView | None:
        rows = self._rows("incident", incident)
        if not rows or rows[0].opened_at is None:
            return None
        row = rows[0]
        episodes = self._episodes(incident)
        if not episodes:
            return None
        count = sum(one.count for one in episodes)
        first_ms = min(one.first_ms for one in episodes)
        last_ms = max(one.last_ms for one in episodes)
        suspects, groups = self._suspects(episodes), error_groups(episodes)
        escalations = self._escalations.overlapping(
            suspects, first_ms - OVERLAP_MS, last_ms + OVERLAP_MS
        )
        messages = self._rows("message", incident)
        merged_into = self._merged_into(row)
        fatal = [one.last_fatal_ms for one in episodes if one.last_fatal_ms is not None]
        view = IncidentView(
            incident_id=incident,
            fingerprint=row.fingerprint,
            status="resolved" if merged_into else row.status or "open",
            service_name=row.service_name,
            template=row.template,
            title=row.title,
            severity="low",
            suspects=suspects,
            services=tuple(sorted(suspects)),
            error_count=count,
            first_ms=first_ms,
            last_ms=last_ms,
            evidence=evidence_of(episodes),
            analyses=tuple(map(analysis, self._rows("analyses", incident))),
            message=sent_message(messages[0]) if messages else None,
            groups=groups,
            error_minutes=error_minutes(episodes),
            earlier=self._earlier.of(
                incident,
                {one.row.episode_id for one in episodes},
                list(dict.fromkeys(one.row.fingerprint for one in episodes)),
                first_ms,
            )
            if with_earlier
            else (),
            escalations=escalations,
            merged_into=merged_into,
            context=self._contexts.read(incident),
            reopened=row.status == "open" and row.resolved_at is not None,
            resolved_ms=optional_ms(row.resolved_at),
            handling=self._handling.of(incident, [one.fingerprint for one in groups]),
            last_arrival_ms=max(one.last_arrival_ms for one in episodes),
        )
        rated = with_severity(view, max(fatal, default=None), self._clock_ms())
        return present_first(rated)

    def _episodes(self, incident: UUID) -> list[EpisodeRows]:
        keys = [row.episode_id for row in self._rows("members", incident)]
        return self._episode_reader.read(keys)

    def _merged_into(self, row: Any) -> UUID | None:
        """The incident that this one is a part of now.

        The board knows first: a merge is one transaction there, and the rows follow.
        """
        if row.episode_id is not None:
            for placed in self._rows("board_row", BOARD, row.episode_id):
                if placed.incident_id != row.incident_id:
                    return UUID(str(placed.incident_id))
        return self._merged_at_last(row.merged_into)

    def _merged_at_last(self, merged_into: UUID | None) -> UUID | None:
        for _ in range(MERGES_FOLLOWED):
            rows = self._rows("incident", merged_into) if merged_into else []
            if not rows or rows[0].merged_into is None:
                break
            merged_into = rows[0].merged_into
        return merged_into

    def _suspects(self, episodes: Sequence[EpisodeRows]) -> tuple[str, ...]:
        if self._monotonic() >= self._graph_due:
            self._graph = self._graphs.load()
            self._graph_due = self._monotonic() + GRAPH_SECONDS
        spans = [
            FailingSpan(
                one.trace_id,
                one.service_name,
                optional_ms(one.timestamp) or 0,
                one.span_id,
                one.parent_span_id,
            )
            for episode in episodes
            for one in episode.evidence
            if one.trace_id
        ]
        return failing_services(first_failures(episodes), spans, self._graph.calls)
