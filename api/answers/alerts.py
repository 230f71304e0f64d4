"""Answers on alerts and escalations."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self
from uuid import UUID

from pydantic import BaseModel, Field

from firstcause.alerts.store import StoredAlert
from firstcause.incidents.records import Escalation
from firstcause.incidents.states import Severity
from firstcause.storage.stored_time import datetime_from_ms


class AlertAnswer(BaseModel):
    """What a rule found of a service."""

    alert_id: UUID
    service_name: str
    rule: str
    severity: Severity
    mode: Literal["live", "shadow"] = Field(description="shadow: stored, and told to nobody")
    score: int = Field(description="0 to 100; 50 is just beyond the bound")
    observed: float = Field(description="The worst value, in the unit of the rule's measure")
    expected: float
    kind: str | None = Field(
        default=None, description="A kind of rule, an objective, or the watch over the pipeline"
    )
    sentence: str
    learned_from: str
    onset: datetime = Field(description="Start of the first window that the rule holds for")
    last_window_end: datetime = Field(description="End of the last one")
    resolved_at: datetime | None = Field(default=None, description="Absent while it lasts")
    told_at: datetime | None = Field(default=None, description="When it was sent to the topic")

    @classmethod
    def of(cls, one: StoredAlert) -> Self:
        """An alert as an answer."""
        alert = one.alert
        return cls(
            alert_id=alert.alert_id,
            service_name=alert.service_name,
            rule=alert.rule,
            severity=alert.severity,
            mode=alert.mode,
            score=alert.score,
            observed=alert.observed,
            expected=alert.expected,
            kind=alert.kind,
            sentence=alert.sentence,
            learned_from=alert.learned_from,
            onset=datetime_from_ms(alert.window_start_ms),
            last_window_end=datetime_from_ms(alert.last_window_end_ms),
            resolved_at=_moment(alert.resolved_ms),
            told_at=_moment(one.told_ms),
        )


class AlertList(BaseModel):
    """A page of alerts, the latest onset first."""

    alerts: list[AlertAnswer]
    next_cursor: str | None = Field(default=None, description="Gives the next page; absent: end")


class EscalationAnswer(BaseModel):
    """Three alerts or more of a service within an hour."""

    escalation_id: UUID
    service_name: str
    alert_count: int
    first_alert_at: datetime
    last_alert_at: datetime

    @classmethod
    def of(cls, one: Escalation) -> Self:
        """An escalation as an answer."""
        return cls(
            escalation_id=one.escalation_id,
            service_name=one.service_name,
            alert_count=one.alert_count,
            first_alert_at=datetime_from_ms(one.first_alert_ms),
            last_alert_at=datetime_from_ms(one.last_alert_ms),
        )


class EscalationList(BaseModel):
    """A page of escalations, the latest first."""

    escalations: list[EscalationAnswer]
    next_cursor: str | None = Field(default=None, description="Gives the next page; absent: end")


class AlertsTaken(BaseModel):
    """What became of the alerts of a webhook's call."""

    sent: int = Field(description="Fire, and are on the topic incident_alerts now")
    resolved: int = Field(description="Are over; nothing is sent of these")


def _moment(at_ms: int | None) -> datetime | None:
    return None if at_ms is None else datetime_from_ms(at_ms)
