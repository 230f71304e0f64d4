"""Gives other programs access to incidents: reading, the text of notices, people's actions."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final
from uuid import UUID

from cassandra.cluster import Session

from firstcause.incidents.door import IncidentReport, OpenedIncident
from firstcause.incidents.human_actions import Action
from firstcause.incidents.view import IncidentView
from firstcause.storage.cassandra import prepare_all
from firstcause.storage.stored_time import datetime_from_ms, ms_from_datetime
from log_analyzer.incident_history.reader import IncidentReader
from log_analyzer.notify.action_taker import ActionTaker
from log_analyzer.notify.messages.content import plain_text
from log_analyzer.notify.messages.incident import render_notice
from log_analyzer.report.deterministic import current_analysis
from log_analyzer.report.sections import report_sections, suspects

_CQL: Final = {
    "days": "SELECT day FROM incident_days WHERE scope = 'all' AND day >= ? AND day <= ?",
    "of_day": "SELECT opened_at, incident_id FROM incidents_by_day WHERE day = ? "
    "AND opened_at >= ? AND opened_at <= ?",
}


class StoredIncidents:
    """`IncidentDoor` over one Cassandra session. `model_configured`: a model may still answer.

    `shown` redacts an incident before any of its text is cut.
    """

    def __init__(
        self,
        session: Session,
        *,
        model_configured: bool,
        shown: Callable[[IncidentView], IncidentView] = lambda view: view,
    ) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)
        self._reader = IncidentReader(session, shown=shown)
        self._actions = ActionTaker(session)
        self._model_configured = model_configured

    def opened(self, start_ms: int, until_ms: int) -> Iterator[OpenedIncident]:
        """See `IncidentDoor`."""
        start, until = datetime_from_ms(start_ms), datetime_from_ms(until_ms)
        days = self._session.execute(self._statements["days"], (start.date(), until.date()))
        for day in sorted((row.day.date() for row in days), reverse=True):
            rows = self._session.execute(self._statements["of_day"], (day, start, until))
            found = [
                OpenedIncident(row.incident_id, ms_from_datetime(row.opened_at)) for row in rows
            ]
            yield from sorted(found, key=lambda one: (-one.opened_ms, str(one.incident_id)))

    def read(self, incident: UUID) -> IncidentView | None:
        """See `IncidentDoor`."""
        return self._reader.read(incident)

    def report(self, view: IncidentView) -> IncidentReport:
        """See `IncidentDoor`."""
        analysis = current_analysis(view, model_configured=self._model_configured)
        return IncidentReport(
            analysis,
            suspects(view),
            tuple((one.title, one.lines) for one in report_sections(view)),
            plain_text(render_notice(view, analysis).parts),
        )

    def apply(self, action: Action) -> bool:
        """See `IncidentDoor`."""
        return self._actions.apply(action)
