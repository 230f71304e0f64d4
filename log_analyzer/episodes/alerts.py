"""Alerts of the streams, read as errors: what opens incidents where no service logs an ERROR. Pure.

An alert is an error event whose log id is the alert's id, so that it counts once however often it
comes. Its error code tells its severity, and its names its own service: that is how the rest of the
analyzer knows it by.
"""

from __future__ import annotations

import re
from typing import Any, Final
from uuid import UUID

import orjson

from firstcause.derived_ids import derived_id
from firstcause.events.log_event import (
    FUTURE_LIMIT_MS,
    SERVICE_NAME_MAX_CHARS,
    LogEvent,
    parse_timestamp_ms,
)
from firstcause.incidents.states import Severity

RULE_ATTRIBUTE: Final = "alert.rule"
# Only these are worth an incident.
LOUD: Final[tuple[Severity, ...]] = ("high", "critical")
_QUIET: Final = ("low", "medium")
_CODE: Final = "ALERT_"
_RULE: Final = re.compile(r"[^\s\x00-\x1f]{1,100}")
_SENTENCE_CHARS: Final = 1_000
# An alert is about a window that is over; a longer one is no window.
_LONGEST_MS: Final = 7 * 86_400_000


class UnreadableAlert(ValueError):
    """The bytes are no alert; the text says why."""


def read_alert(value: bytes | None, received_ms: int) -> LogEvent | None:
    """Reads one message of the topic of alerts.

    Args:
        value: the message's bytes.
        received_ms: Kafka's own timestamp of it. A window that ends more than a day later is
            refused.

    Returns:
        The alert as an error that happened at the start of its window; None when it is of severity
        low or medium, and opens no incident.

    Raises:
        UnreadableAlert: it is none. Nothing else is raised, whatever the bytes.
    """
    try:
        fields = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        raise UnreadableAlert("not JSON") from None
    if not isinstance(fields, dict):
        raise UnreadableAlert("not a JSON object")
    try:
        alert_id = UUID(fields["alert_id"])
    except (KeyError, ValueError, AttributeError, TypeError):
        raise UnreadableAlert("alert_id is no UUID") from None
    service_name, rule = fields.get("service_name"), fields.get("rule")
    if not isinstance(service_name, str) or not 0 < len(service_name) <= SERVICE_NAME_MAX_CHARS:
        raise UnreadableAlert("service_name is no name")
    if not isinstance(rule, str) or not _RULE.fullmatch(rule):
        raise UnreadableAlert("rule is no name")
    severity = fields.get("severity")
    if severity not in (*LOUD, *_QUIET):
        raise UnreadableAlert("severity is none of low, medium, high, critical")
    start_ms, end_ms = _time(fields, "window_start"), _time(fields, "window_end")
    if not start_ms <= end_ms <= min(start_ms + _LONGEST_MS, received_ms + FUTURE_LIMIT_MS):
        raise UnreadableAlert("window_end is before window_start, or in the future")
    if severity in _QUIET:
        return None
    return LogEvent(
        log_id=str(alert_id),
        timestamp_ms=start_ms,
        service_name=service_name,
        level="ERROR",
        message=_sentence(fields, rule, service_name),
        error_code=f"{_CODE}{severity.upper()}",
        attributes={RULE_ATTRIBUTE: rule},
    )


def is_alert(event: LogEvent) -> bool:
    """True for what `read_alert` made."""
    return RULE_ATTRIBUTE in event.attributes and (event.error_code or "").startswith(_CODE)


def template_of(event: LogEvent) -> tuple[str, UUID]:
    """The template of an alert and its id: alerts of one rule and service are one group."""
    rule = event.attributes[RULE_ATTRIBUTE]
    return f"Alert by the rule {rule}", derived_id("alert_rule", rule)


def severity_of(error_code: str | None) -> Severity | None:
    """The severity that an alert was sent with, by the code it is kept with; None for an error."""
    for severity in LOUD:
        if error_code == f"{_CODE}{severity.upper()}":
            return severity
    return None


def _sentence(fields: dict[str, Any], rule: str, service_name: str) -> str:
    told = fields.get("sentence")
    if isinstance(told, str) and told.strip():
        return told[:_SENTENCE_CHARS]
    observed, expected = (
        str(fields.get(name, "unknown"))[:100] for name in ("observed", "expected")
    )
    return f"{service_name}: {rule}: observed {observed}, expected {expected}"


def _time(fields: dict[str, Any], name: str) -> int:
    text = fields.get(name)
    found = parse_timestamp_ms(text) if isinstance(text, str) else None
    if found is None:
        raise UnreadableAlert(f"{name} is no RFC 3339 time")
    return found
