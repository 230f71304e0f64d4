"""Alerts of the streams, read as errors: what opens incidents where no service logs an ERROR. Pure.

An alert is an error event whose log id is the alert's id, so that it counts once however often it
comes. Its group is that of its service, rule and severity. Only what came by the topic of alerts is
one: a log event can neither be an alert nor belong to the group of one, whatever it says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from firstcause.derived_ids import derived_id
from firstcause.events.log_event import FUTURE_LIMIT_MS, LogEvent
from firstcause.events.service_message import UnreadableServiceMessage, read_service_message
from firstcause.incidents.states import Severity
from firstcause.incidents.view import ErrorGroup

# Kept with the evidence; what is an alert is told by its group.
ALERT_CODE: Final = "ALERT"
# Only these are worth an incident.
LOUD: Final[tuple[Severity, ...]] = ("high", "critical")
_QUIET: Final = ("low", "medium")
_TEMPLATE: Final = re.compile(r"Alert \((high|critical)\) by the rule (\S+)")
_RULE: Final = re.compile(r"[^\s\x00-\x1f]{1,100}")
_SENTENCE_CHARS: Final = 1_000
# An alert is about a window that is over; a longer one is no window.
_LONGEST_MS: Final = 7 * 86_400_000


@dataclass(frozen=True, slots=True)
class AlertEvent(LogEvent):
    """An alert as an error. No log event is read as one."""

    rule: str = ""
    severity: Severity = "high"

    @property
    def template(self) -> str:
        """The template of its group."""
        return f"Alert ({self.severity}) by the rule {self.rule}"

    @property
    def template_id(self) -> UUID:
        """The template's id; the miner derives none like it."""
        return derived_id("alert_template", self.template)


def read_alert(value: bytes | None, received_ms: int) -> AlertEvent | None:
    """Reads one message of the topic of alerts.

    Args:
        value: the message's bytes.
        received_ms: Kafka's own timestamp of it. A window that ends more than a day later is
            refused.

    Returns:
        The alert as an error that happened at the start of its window; None when it is of severity
        low or medium, and opens no incident, and when it says the end of an alert.

    Raises:
        UnreadableServiceMessage: it is none. Nothing else is raised, whatever the bytes.
    """
    message = read_service_message(value, "alert_id")
    fields = message.fields
    rule = fields.get("rule")
    if not isinstance(rule, str) or not _RULE.fullmatch(rule):
        raise UnreadableServiceMessage("rule is no name")
    severity = fields.get("severity")
    if severity not in (*LOUD, *_QUIET):
        raise UnreadableServiceMessage("severity is none of low, medium, high, critical")
    start_ms, end_ms = message.time_ms("window_start"), message.time_ms("window_end")
    if not start_ms <= end_ms <= min(start_ms + _LONGEST_MS, received_ms + FUTURE_LIMIT_MS):
        raise UnreadableServiceMessage("window_end is before window_start, or in the future")
    # The end of an alert that was told before.
    is_end = fields.get("resolved_at") is not None
    if severity in _QUIET or is_end:
        return None
    return AlertEvent(
        log_id=str(message.message_id),
        timestamp_ms=start_ms,
        service_name=message.service_name,
        level="ERROR",
        message=_sentence(fields, rule, message.service_name),
        error_code=ALERT_CODE,
        rule=rule,
        severity=severity,
    )


def severity_of(group: ErrorGroup) -> Severity | None:
    """The severity of a group of alerts; None for a group of errors, whatever its template says."""
    match = _TEMPLATE.fullmatch(group.template)
    if match is None:
        return None
    template_id = derived_id("alert_template", group.template)
    if group.fingerprint != derived_id("group", group.service_name, str(template_id)):
        return None
    return "critical" if match[1] == "critical" else "high"


def alerted_services(groups: Iterable[ErrorGroup]) -> set[str]:
    """The services that some of these groups are alerts of."""
    return {one.service_name for one in groups if severity_of(one)}


def alert_count(groups: Iterable[ErrorGroup]) -> int:
    """How many of the errors of these groups are alerts."""
    return sum(one.error_count for one in groups if severity_of(one))


def _sentence(fields: dict[str, Any], rule: str, service_name: str) -> str:
    told = fields.get("sentence")
    if isinstance(told, str) and told.strip():
        return told[:_SENTENCE_CHARS]
    observed, expected = (
        str(fields.get(name, "unknown"))[:100] for name in ("observed", "expected")
    )
    return f"{service_name}: {rule}: observed {observed}, expected {expected}"
