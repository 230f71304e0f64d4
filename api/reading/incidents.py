"""Reads incidents in pages."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from http import HTTPStatus
from typing import Final
from uuid import UUID

from alerting.objectives.burn_rate import ObjectiveStatus
from api.guard.problems import Problem
from api.reading.alerts import alerts_touching
from api.reading.cursor import Position
from firstcause.alerts.objective_statuses import ObjectiveStatusStore
from firstcause.alerts.store import AlertStore, StoredAlert
from firstcause.incidents.door import IncidentDoor, IncidentHeadline, IncidentReport
from firstcause.incidents.records import SimilarIncident
from firstcause.incidents.states import Severity, Status
from firstcause.incidents.view import IncidentView
from firstcause.storage.stored_time import ms_from_datetime

# Incidents that one page looks at: where a filter leaves nearly all out, the page is shorter.
LOOKED_AT: Final = 200
OBJECTIVES_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class IncidentFilter:
    """Which incidents: opened in [start, end], and as far as it is said of a kind.

    Those that were merged into another are left out unless `merged`.
    """

    start: datetime
    end: datetime
    service: str | None = None
    status: Status | None = None
    severity: Severity | None = None
    merged: bool = False

    def fits(self, view: IncidentView) -> bool:
        """Whether an incident is of this kind, whenever it opened."""
        return (
            (self.merged or view.merged_into is None)
            and (self.service is None or self.service in view.services)
            and self.status in (None, view.status)
            and self.severity in (None, view.severity)
        )


@dataclass(frozen=True, slots=True)
class ListedIncident:
    """An incident and what a list tells of it now."""

    view: IncidentView
    headline: IncidentHeadline


@dataclass(frozen=True, slots=True)
class ToldIncident(ListedIncident):
    """An incident and all that is told of it now.

    `alerts` are those of its services while it lasted, oldest first; `objectives` are how those of
    its services stand since it began; `similar` are earlier incidents, the most similar first.
    """

    report: IncidentReport
    alerts: tuple[StoredAlert, ...] = ()
    objectives: tuple[ObjectiveStatus, ...] = ()
    similar: tuple[SimilarIncident, ...] = ()


@dataclass(frozen=True, slots=True)
class IncidentPage:
    """Incidents newest first; `next` where there may be more."""

    found: tuple[ListedIncident, ...]
    next: Position | None


def incident_page(
    door: IncidentDoor,
    wanted: IncidentFilter,
    after: Position | None,
    limit: int,
    step: Callable[[], None],
) -> IncidentPage:
    """The next `limit` incidents after a position. Blocks; raises the driver's errors.

    `step` is called before each is read; what it raises ends the reading.
    """
    until_ms = ms_from_datetime(wanted.end)
    if after is not None:
        until_ms = min(until_ms, after.at_ms)
    found: list[ListedIncident] = []
    looked_at = 0
    last: Position | None = None
    for one in door.opened(ms_from_datetime(wanted.start), until_ms):
        here = Position(one.opened_ms, str(one.incident_id))
        if after is not None and here.at_ms == after.at_ms and here.last_id <= after.last_id:
            continue
        if len(found) == limit or looked_at == LOOKED_AT:
            return IncidentPage(tuple(found), last)
        step()
        looked_at += 1
        last = here
        view = door.read_alone(one.incident_id)
        if view is not None and wanted.fits(view):
            found.append(ListedIncident(view, door.headline(view)))
    return IncidentPage(tuple(found), None)


def told_incident(door: IncidentDoor, incident: UUID) -> ToldIncident:
    """One incident by itself. Blocks; raises the driver's errors.

    Raises:
        Problem: 404.
    """
    view = door.read(incident)
    if view is None:
        raise Problem(HTTPStatus.NOT_FOUND, f"There is no incident {incident}.")
    return ToldIncident(view, door.headline(view), door.report(view))


def whole_incident(
    door: IncidentDoor, alerts: AlertStore, statuses: ObjectiveStatusStore, incident: UUID
) -> ToldIncident:
    """One incident with what its services' alerts and objectives say, and similar ones.

    Else as `told_incident`.
    """
    told = told_incident(door, incident)
    view = told.view
    touched = [
        one
        for one in statuses.latest()
        if one.service_name in view.services and one.at_ms >= view.first_ms
    ]
    return replace(
        told,
        alerts=alerts_touching(alerts, view),
        objectives=tuple(touched[:OBJECTIVES_SHOWN]),
        similar=door.similar(view),
    )
