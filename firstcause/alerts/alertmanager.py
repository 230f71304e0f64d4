"""Alerts of Prometheus' Alertmanager as alerts of the topic `incident_alerts`. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from firstcause.derived_ids import derived_id
from firstcause.events.log_event import FUTURE_LIMIT_MS, SERVICE_NAME_MAX_CHARS
from firstcause.incidents.states import Severity
from firstcause.text.event_time import iso

SERVICE_LABELS: Final = ("service_name", "service", "job")
# What people write as severity, in our words; any other word counts as medium.
SEVERITIES: Final[Mapping[str, Severity]] = {
    "critical": "critical",
    "page": "critical",
    "emergency": "critical",
    "high": "high",
    "error": "high",
    "major": "high",
    "medium": "medium",
    "warning": "medium",
    "warn": "medium",
    "minor": "medium",
    "low": "low",
    "info": "low",
    "none": "low",
}
_RULE_CHARS: Final = 100
_SENTENCE_CHARS: Final = 1_000
# Cassandra and Kafka keep nothing that long; earlier is a clock that was never set.
_EARLIEST_MS: Final = 946_684_800_000


@dataclass(frozen=True, slots=True)
class FiringAlert:
    """An alert that Alertmanager says fires; `starts_ms` is since the epoch."""

    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    starts_ms: int


class NoIncidentAlertError(ValueError):
    """It cannot be an alert of ours; the text says why."""


def message_of(alert: FiringAlert, now_ms: int) -> Mapping[str, Any]:
    """The alert as the topic has it; equal alerts have equal ids, however often they come.

    Raises:
        NoIncidentAlertError: it names no service or rule, or its time cannot be.
    """
    service = next((alert.labels[one] for one in SERVICE_LABELS if alert.labels.get(one)), "")
    if not 0 < len(service) <= SERVICE_NAME_MAX_CHARS:
        raise NoIncidentAlertError(
            f"it names no service: set the label service_name (or {', '.join(SERVICE_LABELS[1:])})"
        )
    rule = re.sub(r"[\s\x00-\x1f]+", "_", alert.labels.get("alertname", "").strip())[:_RULE_CHARS]
    if not rule:
        raise NoIncidentAlertError("it has no label alertname")
    if alert.starts_ms > now_ms + FUTURE_LIMIT_MS:
        raise NoIncidentAlertError("startsAt is more than a day ahead")
    if alert.starts_ms < _EARLIEST_MS:
        raise NoIncidentAlertError("startsAt is before the year 2000")
    # Labels are the identity of an alert in Prometheus; an end and another beginning make another.
    identity = sorted(alert.labels.items())
    at = iso(alert.starts_ms)
    severity = SEVERITIES.get(alert.labels.get("severity", "").lower(), "medium")
    return {
        "alert_id": str(derived_id("alertmanager", repr(identity), alert.starts_ms)),
        "detected_at": iso(now_ms),
        "event_time": at,
        "service_name": service,
        "rule": rule,
        "severity": severity,
        "window_start": at,
        "window_end": at,
        "evidence": [],
        "sentence": _sentence(alert, service, rule),
        "learned_from": "Alertmanager",
    }


def _sentence(alert: FiringAlert, service: str, rule: str) -> str:
    told = (alert.annotations.get(one, "").strip() for one in ("summary", "description", "message"))
    text = next((one for one in told if one), f"{rule} fires")
    return (text if service in text else f"{service}: {text}")[:_SENTENCE_CHARS]
