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
    """An earlier incident of the same fingerprint, and what it was."""

    incident_id: UUID
    first_ms: int
    last_ms: int
    culprit_service: str
    root_cause: str
    confidence: str


@dataclass(frozen=True, slots=True)
class Escalation:
    """An escalation of one of the incident's services while it lasted."""

    escalation_id: UUID
    service_name: str
    alert_count: int
    first_alert_ms: int
    last_alert_ms: int
