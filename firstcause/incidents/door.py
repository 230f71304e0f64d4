"""The protocol by which other programs read incidents and act on them.

`log_analyzer` implements it; the read API is given an implementation and imports nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from firstcause.incidents.human_actions import Action
from firstcause.incidents.records import SimilarIncident
from firstcause.incidents.view import Analysis, IncidentView, Suspect


@dataclass(frozen=True, slots=True)
class OpenedIncident:
    """An incident in the list of those that opened: `opened_ms` is event time, ms."""

    incident_id: UUID
    opened_ms: int


@dataclass(frozen=True, slots=True)
class IncidentHeadline:
    """What a list tells of an incident now, as plain text that may hold text from logs.

    Attributes:
        analysis: the model's answer, or the rules' own report.
        suspects: the most likely first.
        alerts: how many of its errors are alerts.
    """

    analysis: Analysis
    suspects: tuple[Suspect, ...]
    alerts: int = 0


@dataclass(frozen=True, slots=True)
class IncidentReport:
    """What is told of one incident beside its headline, as plain text with text from logs.

    Attributes:
        sections: the deterministic report, a title and its lines each.
        message: what Slack shows, as plain text.
    """

    sections: tuple[tuple[str, tuple[str, ...]], ...]
    message: str


class IncidentDoor(Protocol):
    """Incidents of one installation. Methods block and raise the Cassandra driver's errors.

    Safe to share among threads.
    """

    def opened(self, start_ms: int, until_ms: int) -> Iterator[OpenedIncident]:
        """Those that opened in [start_ms, until_ms], newest first, then by id; read as taken."""

    def read(self, incident: UUID) -> IncidentView | None:
        """One incident whole; None when there is none of this id."""

    def read_alone(self, incident: UUID) -> IncidentView | None:
        """As `read`, without its earlier incidents: a fraction of the cost, for lists."""

    def headline(self, view: IncidentView) -> IncidentHeadline:
        """What a list tells of it. Does not block."""

    def report(self, view: IncidentView) -> IncidentReport:
        """What is told of it beside that; costs several times as much. Does not block."""

    def similar(self, view: IncidentView) -> tuple[SimilarIncident, ...]:
        """Earlier incidents that show the same things, the most similar first, a few.

        None whose analysis people called wrong.
        """

    def apply(self, action: Action) -> bool:
        """Does what a person asks; doing it again changes nothing. False: no such incident."""
