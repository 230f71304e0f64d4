"""What the tools read of an installation; a protocol, and its data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from alerting.objectives.burn_rate import ObjectiveStatus
from firstcause.events.span import Span
from firstcause.incidents.door import IncidentDoor
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


class Sources(Protocol):
    """An installation to read. Methods block, and raise the driver's errors.

    Safe to share among threads.
    """

    @property
    def incidents(self) -> IncidentDoor:
        """Incidents, redacted before any of their text is cut."""

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
