"""An alert: what a rule found in a window of a service, and why. Pure."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from firstcause.derived_ids import derived_id
from firstcause.incidents.states import Severity
from firstcause.text.event_time import iso

Mode = Literal["live", "shadow"]
# What made it: a kind of rule, an objective, or what is seen of Firstcause's own pipeline.
Kind = Literal["threshold", "baseline", "silence", "break_off", "sequence", "objective", "pipeline"]


@dataclass(frozen=True, slots=True)
class Alert:
    """A rule that holds for a service, from its onset until it is resolved.

    Attributes:
        alert_id: derived from rule, service and onset, so that a repetition is the same alert.
        rule: the rule's name.
        service_name: of whom.
        severity: as the rule says.
        mode: `shadow` alerts are stored, and told to nobody.
        score: how far beyond what was expected, 0 to 100; at 50 it is just beyond.
        observed: the worst value so far, in the unit of the rule's measure.
        expected: the rule's bound, or the median of the service's own past.
        band: the values that would have been no alert; None at an open end.
        learned_from: what the expectation was learned from.
        sentence: what happened, for people.
        window_start_ms: of the onset, the first window that the rule holds for.
        window_end_ms: of the window in which it became an alert.
        last_window_end_ms: of the last window that the rule holds for.
        resolved_ms: the end of the window with which it was over; None while it lasts.
        kind: what made it; None where it was stored before kinds were.
    """

    alert_id: UUID
    rule: str
    service_name: str
    severity: Severity
    mode: Mode
    score: int
    observed: float
    expected: float
    band: tuple[float | None, float | None]
    learned_from: str
    sentence: str
    window_start_ms: int
    window_end_ms: int
    last_window_end_ms: int
    resolved_ms: int | None = None
    kind: Kind | None = None


def alert_id(rule: str, service_name: str, window_start_ms: int) -> UUID:
    """The identity of the alert of a rule and a service with this onset."""
    return derived_id("alert", rule, service_name, window_start_ms)


def in_order(alerts: Iterable[Alert]) -> tuple[Alert, ...]:
    """Alerts in the order in which they began."""
    key = operator.attrgetter("window_end_ms", "rule", "service_name")
    return tuple(sorted(alerts, key=key))


def message_of(alert: Alert, detected_ms: int) -> Mapping[str, Any]:
    """The alert as the topic `incident_alerts` has it; with `resolved_at` once it is over.

    Args:
        alert: what to tell.
        detected_ms: when it was found, by the wall clock.
    """
    ended = {} if alert.resolved_ms is None else {"resolved_at": iso(alert.resolved_ms)}
    return {
        "alert_id": str(alert.alert_id),
        "detected_at": iso(detected_ms),
        "event_time": iso(alert.window_end_ms),
        "service_name": alert.service_name,
        "rule": alert.rule,
        "kind": alert.kind,
        "severity": alert.severity,
        "score": alert.score,
        "observed": alert.observed,
        "expected": alert.expected,
        "window_start": iso(alert.window_start_ms),
        "window_end": iso(alert.window_end_ms),
        "evidence": [],
        "sentence": alert.sentence,
        "learned_from": alert.learned_from,
        **ended,
    }
