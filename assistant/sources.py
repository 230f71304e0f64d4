"""What the tools read of an installation; a protocol, and its data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from alerting.objectives.burn_rate import ObjectiveStatus
from firstcause.events.span import Span
from firstcause.incidents.door import IncidentHeadline, IncidentReport, OpenedIncident
from firstcause.incidents.view import IncidentView
from firstcause.storage.log_history import LogRow
from root_cause.explanation.normal_summary import ServiceSummary
from search.patterns.comparison import PatternChange
from search.patterns.store import Pattern
from search.query.tree import Node


class StillReadingError(Exception):
    """It is being read, and will be there in some seconds."""


@dataclass(frozen=True, slots=True)
class FoundLogs:
    """Rows newest first; `missing` were found and are not in Cassandra; `more`: there are more."""

    rows: Sequence[LogRow]
    missing: int
    more: bool


class ShownIncidents(Protocol):
    """The part of `IncidentDoor` that reads; a view is redacted before any of its text is cut."""

    def opened(self, start_ms: int, until_ms: int) -> Iterator[OpenedIncident]:
        """See `IncidentDoor`."""

    def read(self, incident: UUID) -> IncidentView | None:
        """One incident whole and redacted; None when there is none of this id."""

    def listed(self, incident: UUID) -> IncidentView | None:
        """The same as it is stored, for a list: what is told of it is redacted later, uncut."""

    def headline(self, view: IncidentView) -> IncidentHeadline:
        """See `IncidentDoor`."""

    def report(self, view: IncidentView) -> IncidentReport:
        """See `IncidentDoor`."""


class Sources(Protocol):
    """An installation to read. Methods block, and raise the driver's errors.

    Safe to share among threads.
    """

    @property
    def incidents(self) -> ShownIncidents:
        """Incidents, redacted."""

    def logs(self, query: Node, from_ms: int, to_ms: int, limit: int) -> FoundLogs:
        """Logs by full-text search in [from_ms, to_ms).

        Raises:
            IndexAwayError: there is no index.
        """

    def pattern_changes(
        self, service: str | None, before_ms: int, from_ms: int, to_ms: int
    ) -> Sequence[tuple[PatternChange, Pattern | None]]:
        """What changed from [before_ms, from_ms) to [from_ms, to_ms), the strongest first."""

    def trace(self, trace_id: str) -> tuple[Sequence[tuple[int, Span]], Sequence[LogRow]]:
        """Spans in the order of their tree with their depth; logs oldest first."""

    def services(self) -> Mapping[str, datetime]:
        """When each service was last heard."""

    def normal(self, service: str) -> ServiceSummary | None:
        """What is normal for a service; None while nothing is learned of it.

        Raises:
            StillReadingError: it is large, and being read.
        """

    def objectives(self) -> Sequence[ObjectiveStatus]:
        """How each objective of each service stands."""
