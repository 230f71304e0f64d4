"""An incident of an alert is as bad as the alert's rule says, and shows its sentence."""

from __future__ import annotations

import dataclasses

import pytest

from log_analyzer.incident_history.severity import with_severity
from log_analyzer.notify.messages.alerts import alerts
from log_analyzer.notify.messages.content import Quoted
from tests.unit.log_analyzer.notify.test_message import a_view

SENTENCE = "cart: p95 of the latency is 900 ms where 16 ms is usual (rule slow)"


def of_alert(error_code: str | None, **changes):
    [evidence] = a_view(SENTENCE).evidence
    kept = dataclasses.replace(evidence, error_code=error_code)
    return a_view(SENTENCE, evidence=(kept,), error_count=1, **changes)


@pytest.mark.parametrize(
    ("code", "severity"), [("ALERT_HIGH", "high"), ("ALERT_CRITICAL", "critical"), ("E1", "low")]
)
@pytest.mark.parametrize("status", ["open", "resolved"])
def test_one_alert_is_as_bad_as_its_rule_says(code: str, severity: str, status: str) -> None:
    view = of_alert(code, status=status, severity="low", services=("cart",))
    rated = with_severity(view, None, view.last_ms)
    assert (rated.severity, rated.worst) == (severity, severity)


def test_the_message_shows_what_the_alert_says() -> None:
    [part] = alerts(of_alert("ALERT_HIGH"))
    assert Quoted(SENTENCE, 300) in part.line
    assert alerts(of_alert("E1")) == []
