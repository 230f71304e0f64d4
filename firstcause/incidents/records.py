"""The data classes of an incident's message, escalations and predecessors. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class SentMessage:
    """Where an incident's message was posted."""

    state: str
    channel: str | None
    ts: str | None
    sends: int
    last_error: str | None


@dataclass(frozen=True, slots=True)
class EarlierIncident:
    """An earlier incident, and what it was; no culprit and no cause where nothing is known."""

    incident_id: UUID
    first_ms: int
    last_ms: int
    culprit_service: str
    root_cause: str
    confidence: str


@dataclass(frozen=True, slots=True)
class SimilarIncident:
    """An earlier incident that shows the same things, and what helped then.

    Attributes:
        incident: what it was.
        similarity: the weighted share of what either shows that both show, above 0 up to 1.
        shared: what both show, a line each; holds text from logs, not cut.
        is_confirmed: people said that its analysis is right.
        resolved_by: who ended it by hand; None when it ended by itself, or lasts.
    """

    incident: EarlierIncident
    similarity: float
    shared: tuple[str, ...]
    is_confirmed: bool = False
    resolved_by: str | None = None


@dataclass(frozen=True, slots=True)
class Escalation:
    """An escalation of one of the incident's services while it lasted."""

    escalation_id: UUID
    service_name: str
    alert_count: int
    first_alert_ms: int
    last_alert_ms: int
