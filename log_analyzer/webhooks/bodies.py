"""Alerts of the topic as Alertmanager's webhook and PagerDuty's Events v2 have them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from firstcause.events.service_message import UnreadableServiceMessage, read_service_message
from firstcause.incidents.states import SEVERITIES
from firstcause.text.event_time import iso

# PagerDuty's words.
_PAGERDUTY_SEVERITIES: Final = {
    "critical": "critical",
    "high": "error",
    "medium": "warning",
    "low": "info",
}
_SUMMARY_CHARS: Final = 1_024
_TEXT_CHARS: Final = 2_000
# What Alertmanager writes where an alert has no end yet.
_NO_END: Final = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class Notice:
    """What is told of an alert.

    Attributes:
        alert_id: its identity, in lower case.
        service_name: whose it is.
        rule: what made it.
        severity: low, medium, high, critical.
        kind: the kind of the rule; None for alerts of others.
        sentence: what happened, for people, redacted.
        start_ms: when it began.
        resolved_ms: when it was over; None while it lasts.
    """

    alert_id: str
    service_name: str
    rule: str
    severity: str
    kind: str | None
    sentence: str
    start_ms: int
    resolved_ms: int | None

    @property
    def key(self) -> str:
        """The same for the same message, however often it is sent."""
        return f"{self.alert_id}.{self.status}"

    @property
    def status(self) -> str:
        """As Alertmanager says it: firing or resolved."""
        return "firing" if self.resolved_ms is None else "resolved"


def read_notice(value: bytes | None) -> Notice:
    """Reads a message of the topic of alerts.

    Raises:
        UnreadableServiceMessage: it is none.
    """
    message = read_service_message(value, "alert_id")
    fields = message.fields
    rule, severity, kind = (fields.get(name) for name in ("rule", "severity", "kind"))
    if not isinstance(rule, str) or not rule.strip():
        raise UnreadableServiceMessage("rule is no name")
    if severity not in SEVERITIES:
        raise UnreadableServiceMessage("severity is none of low, medium, high, critical")
    told = fields.get("sentence")
    sentence = told if isinstance(told, str) and told.strip() else f"{message.service_name}: {rule}"
    resolved = fields.get("resolved_at")
    return Notice(
        alert_id=str(message.message_id),
        service_name=message.service_name,
        rule=rule[:200],
        severity=severity,
        kind=kind if isinstance(kind, str) else None,
        sentence=sentence[:_TEXT_CHARS],
        start_ms=message.time_ms("window_start"),
        resolved_ms=None if resolved is None else message.time_ms("resolved_at"),
    )


def alertmanager_body(notice: Notice, receiver: str, external_url: str) -> dict[str, Any]:
    """The body of Alertmanager's webhook, version 4: a group of one alert."""
    labels = _labels(notice)
    annotations = {"summary": notice.sentence}
    group = {name: labels[name] for name in ("alertname", "service")}
    return {
        "version": "4",
        "groupKey": f"{{}}:{{alert_id={notice.alert_id}}}",
        "truncatedAlerts": 0,
        "status": notice.status,
        "receiver": receiver,
        "groupLabels": group,
        "commonLabels": labels,
        "commonAnnotations": annotations,
        "externalURL": external_url,
        "alerts": [
            {
                "status": notice.status,
                "labels": labels,
                "annotations": annotations,
                "startsAt": iso(notice.start_ms),
                "endsAt": _NO_END if notice.resolved_ms is None else iso(notice.resolved_ms),
                "generatorURL": external_url,
                "fingerprint": notice.alert_id.replace("-", "")[:16],
            }
        ],
    }


def pagerduty_body(notice: Notice, routing_key: str) -> dict[str, Any]:
    """An event of PagerDuty's Events v2; the alert's id is the key that repetitions share."""
    body: dict[str, Any] = {
        "routing_key": routing_key,
        "event_action": "trigger" if notice.resolved_ms is None else "resolve",
        "dedup_key": notice.alert_id,
    }
    if notice.resolved_ms is None:
        body["client"] = "Firstcause"
        body["payload"] = {
            "summary": notice.sentence[:_SUMMARY_CHARS],
            "source": notice.service_name,
            "severity": _PAGERDUTY_SEVERITIES[notice.severity],
            "timestamp": iso(notice.start_ms),
            "component": notice.service_name,
            "class": notice.rule,
            "custom_details": _labels(notice),
        }
    return body


def _labels(notice: Notice) -> Mapping[str, str]:
    labels = {
        "alertname": notice.rule,
        "service": notice.service_name,
        "severity": notice.severity,
        "alert_id": notice.alert_id,
    }
    return labels if notice.kind is None else {**labels, "kind": notice.kind}
