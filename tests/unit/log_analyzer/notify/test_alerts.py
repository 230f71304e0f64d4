"""An incident of an alert is as bad as the alert's rule says, and shows its sentence."""

from __future__ import annotations

import dataclasses
import uuid

import pytest

from firstcause.incidents.view import ErrorGroup, IncidentView
from log_analyzer.episodes.alerts import AlertEvent
from log_analyzer.episodes.consumed_error import group_fingerprint
from log_analyzer.incident_history.severity import with_severity
from log_analyzer.notify.messages.alerts import alerts
from log_analyzer.notify.messages.content import Quoted
from tests.unit.log_analyzer.notify.test_message import START_MS, a_view

SENTENCE = "payment: p95 of the latency is 900 ms where 16 ms is usual (rule slow)"


def of_group(fingerprint: uuid.UUID | None, severity: str, status: str = "open") -> IncidentView:
    event = AlertEvent(
        str(uuid.UUID(int=5)),
        START_MS,
        "payment",
        "ERROR",
        SENTENCE,
        severity=severity,
        rule="slow",
    )
    own = fingerprint or group_fingerprint("payment", event.template_id)
    group = ErrorGroup(own, "payment", event.template, 1, START_MS, START_MS)
    [evidence] = a_view(SENTENCE).evidence
    kept = dataclasses.replace(evidence, error_code="ALERT")
    return a_view(
        SENTENCE,
        evidence=(kept,),
        groups=(group,),
        error_count=1,
        status=status,
        services=("payment",),
    )


@pytest.mark.parametrize("severity", ["high", "critical"])
@pytest.mark.parametrize("status", ["open", "resolved"])
def test_one_alert_is_as_bad_as_its_rule_says(severity: str, status: str) -> None:
    view = of_group(None, severity, status)
    rated = with_severity(view, None, view.last_ms)
    assert (rated.severity, rated.worst) == (severity, severity)


def test_errors_that_say_what_an_alert_says_are_as_bad_as_errors() -> None:
    view = of_group(uuid.UUID(int=1), "critical")
    assert with_severity(view, None, view.last_ms).severity == "low"
    assert alerts(view) == []


def test_the_message_shows_what_the_alert_says() -> None:
    [part] = alerts(of_group(None, "high"))
    assert Quoted(SENTENCE, 300) in part.lines[0]
