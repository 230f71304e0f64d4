"""Gives other programs access to incidents: reading, the text of notices, people's actions."""

from __future__ import annotations

from collections.abc import Iterator
from uuid import UUID

from cassandra.cluster import Session

from firstcause.incidents.door import IncidentHeadline, IncidentReport, OpenedIncident
from firstcause.incidents.human_actions import Action
from firstcause.incidents.records import SimilarIncident
from firstcause.incidents.view import IncidentView
from log_analyzer.episodes.alerts import alert_count
from log_analyzer.incident_history.reader import IncidentReader
from log_analyzer.incident_history.similar_incidents import SimilarIncidents
from log_analyzer.notify.action_taker import ActionTaker
from log_analyzer.notify.messages.content import plain_text
from log_analyzer.notify.messages.incident import render_notice
from log_analyzer.report.deterministic import current_analysis
from log_analyzer.report.sections import report_sections, suspects


class StoredIncidents:
    """`IncidentDoor` over one Cassandra session. `model_configured`: a model may still answer."""

    def __init__(self, session: Session, *, model_configured: bool) -> None:
        self._reader = IncidentReader(session)
        self._similar = SimilarIncidents(session, self._reader.opened, self._reader.read_alone)
        self._actions = ActionTaker(session)
        self._model_configured = model_configured

    def opened(self, start_ms: int, until_ms: int) -> Iterator[OpenedIncident]:
        """See `IncidentDoor`."""
        return self._reader.opened(start_ms, until_ms)

    def read(self, incident: UUID) -> IncidentView | None:
        """See `IncidentDoor`."""
        return self._reader.read(incident)

    def read_alone(self, incident: UUID) -> IncidentView | None:
        """See `IncidentDoor`."""
        return self._reader.read_alone(incident)

    def headline(self, view: IncidentView) -> IncidentHeadline:
        """See `IncidentDoor`."""
        analysis = current_analysis(view, model_configured=self._model_configured)
        return IncidentHeadline(analysis, suspects(view), alert_count(view.groups))

    def report(self, view: IncidentView) -> IncidentReport:
        """See `IncidentDoor`."""
        analysis = current_analysis(view, model_configured=self._model_configured)
        return IncidentReport(
            tuple((one.title, one.lines) for one in report_sections(view)),
            plain_text(render_notice(view, analysis).parts),
        )

    def similar(self, view: IncidentView) -> tuple[SimilarIncident, ...]:
        """See `IncidentDoor`."""
        return self._similar.of(view)

    def apply(self, action: Action) -> bool:
        """See `IncidentDoor`."""
        return self._actions.apply(action)
