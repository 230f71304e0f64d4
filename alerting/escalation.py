"""When alerts of a service are escalated: the decision, without a stream. Pure.

The third alert within an hour makes one escalation. It lasts until an hour passes without an alert,
and is not repeated while it lasts. Alerts wait until those that may still come before them are
there; so the same alerts make the same escalations, in whatever order they come meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from firstcause.derived_ids import derived_id
from firstcause.text.event_time import iso

ALERTS: Final = 3
WITHIN_MS: Final = 3_600_000
# Beyond so many that wait at once, the oldest are decided early.
MOST_PENDING: Final = 1_000


@dataclass(frozen=True, slots=True, order=True)
class SeenAlert:
    """What an escalation needs of an alert; `event_ms` is ms since the epoch."""

    event_ms: int
    alert_id: str


@dataclass(frozen=True, slots=True)
class Escalation:
    """Of a service, from the first of its alerts to the one that made it."""

    service_name: str
    alerts: tuple[SeenAlert, ...]

    @property
    def escalation_id(self) -> UUID:
        """The same for the same alerts."""
        return derived_id("escalation", self.service_name, *(one.alert_id for one in self.alerts))

    def message(self) -> dict[str, Any]:
        """The escalation as the topic `incident_escalations` has it."""
        return {
            "escalation_id": str(self.escalation_id),
            "service_name": self.service_name,
            "severity": "ESCALATED",
            "alert_count": len(self.alerts),
            "first_alert_at": iso(self.alerts[0].event_ms),
            "last_alert_at": iso(self.alerts[-1].event_ms),
            "alert_ids": [one.alert_id for one in self.alerts],
        }


@dataclass(frozen=True, slots=True)
class ServiceAlerts:
    """What is remembered of a service.

    Attributes:
        pending: alerts that others may still come before, in order.
        counted: the last alerts that count; all of an escalation that lasts.
        last_ms: the last decided alert; None before the first.
        decided_ms: up to this time all is decided; an alert that comes later is too late.
    """

    pending: tuple[SeenAlert, ...] = ()
    counted: tuple[SeenAlert, ...] = ()
    last_ms: int | None = None
    decided_ms: int = -1


def with_arrived(known: ServiceAlerts, arrived: Iterable[SeenAlert]) -> tuple[ServiceAlerts, int]:
    """Takes alerts in, each id once; and how many came too late to be counted."""
    pending = {one.alert_id: one for one in reversed(known.pending)}
    counted = {one.alert_id for one in known.counted}
    late = 0
    for alert in sorted(arrived):
        if alert.alert_id in counted:
            continue
        if alert.event_ms <= known.decided_ms:
            late += 1
            continue
        pending[alert.alert_id] = min(alert, pending.get(alert.alert_id, alert))
    return replace(known, pending=tuple(sorted(pending.values()))), late


def decided(
    service_name: str, known: ServiceAlerts, until_ms: int
) -> tuple[ServiceAlerts, list[Escalation]]:
    """Decides on the pending alerts up to a time, and which escalations they make."""
    if len(known.pending) > MOST_PENDING:
        until_ms = max(until_ms, known.pending[-MOST_PENDING - 1].event_ms)
    until_ms = max(until_ms, known.decided_ms)
    counted, last_ms, made = known.counted, known.last_ms, []
    for alert in known.pending:
        if alert.event_ms > until_ms:
            break
        if any(one.alert_id == alert.alert_id for one in counted):
            continue
        if len(counted) == ALERTS and last_ms is not None:
            lasts = alert.event_ms - last_ms <= WITHIN_MS
            counted = counted if lasts else (alert,)
        else:
            recent = (one for one in counted if alert.event_ms - one.event_ms <= WITHIN_MS)
            counted = (*recent, alert)
            if len(counted) == ALERTS:
                made.append(Escalation(service_name, counted))
        last_ms = alert.event_ms
    waiting = tuple(one for one in known.pending if one.event_ms > until_ms)
    return ServiceAlerts(waiting, counted, last_ms, until_ms), made
