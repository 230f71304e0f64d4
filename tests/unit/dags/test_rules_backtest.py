"""What the DAG `rules_backtest` takes from its form, and how it lists alerts."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from airflow.sdk.exceptions import AirflowFailException

from alerting.rules.engine import Engine
from alerting.rules.model import RuleSet
from alerting.windows import MINUTE_MS, WindowKind, WindowMetrics
from dags.tasks.rules_backtest import LISTED, line, list_alerts, rule_of, span, summary
from firstcause.alerts.rules_file import load_rules
from firstcause.settings import PROJECT_ROOT

RULES = load_rules(PROJECT_ROOT / "anomaly_rules.yaml")
DAY_MS = 86_400_000


def form(**given: str) -> dict[str, str | None]:
    return {"from": None, "to": None, "rule": None, **given}


def made() -> list:
    """What the engine makes of a service that begins to fail."""
    minutes = [
        WindowMetrics(
            "cart",
            WindowKind.MINUTE,
            n * MINUTE_MS,
            (n + 1) * MINUTE_MS,
            events=200,
            levels={"INFO": 200} if n < 20 else {"ERROR": 100, "INFO": 100},
        )
        for n in range(25)
    ]
    return Engine(RULES).judge(minutes, 25 * MINUTE_MS)


def test_without_times_it_is_the_last_day() -> None:
    start_ms, end_ms = span(form())
    assert end_ms - start_ms == DAY_MS


def test_times_are_those_of_the_form() -> None:
    asked = form(**{"from": "1970-01-01T00:00:00Z", "to": "1970-01-02T02:00:00+02:00"})
    assert span(asked) == (0, DAY_MS)
    assert span(form(to="1970-01-03T00:00:00+00:00")) == (DAY_MS, 2 * DAY_MS)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"from": "1970-01-02T00:00:00Z", "to": "1970-01-01T00:00:00Z"}, "before to"),
        ({"from": "1970-01-02T00:00:00Z", "to": "1970-01-02T00:00:00Z"}, "before to"),
        ({"from": "1970-01-01T00:00:00Z", "to": "1970-02-01T00:00:00Z"}, "14 days"),
    ],
)
def test_times_that_do_not_fit_are_told(given: dict[str, str], said: str) -> None:
    with pytest.raises(AirflowFailException, match=said):
        span(form(**given))


def test_a_rule_is_one_of_the_file() -> None:
    assert rule_of(form(), RULES) is None
    assert rule_of(form(rule=" error_rate "), RULES) == "error_rate"
    with pytest.raises(AirflowFailException, match=re.escape("No rule is called eror_rate.")):
        rule_of(form(rule="eror_rate"), RULES)


def test_alerts_are_counted_and_listed() -> None:
    alerts = list(made())
    told = summary(alerts)
    assert told["by_rule"]["error_rate"] == 1
    assert told["count"] == len(alerts) == sum(told["by_rule"].values())
    assert {one["alert_id"] for one in told["alerts"]} == {str(one.alert_id) for one in alerts}
    # A result of Airflow is JSON.
    assert json.loads(json.dumps(told)) == told
    many = summary(alerts * LISTED)
    assert many["count"] == LISTED * len(alerts)
    assert len(many["alerts"]) == LISTED


def test_the_task_lists_the_alerts_of_the_rule(monkeypatch, caplog) -> None:
    @contextmanager
    def session(_: object) -> Iterator[None]:
        yield None

    asked = []

    def backtested(_: None, rules: RuleSet, start_ms: int, end_ms: int, history_ms: int) -> list:
        asked.append((rules, start_ms, end_ms, history_ms))
        return list(made())

    monkeypatch.setattr("firstcause.storage.cassandra.session", session)
    monkeypatch.setattr("firstcause.alerts.backtest.backtested", backtested)
    caplog.set_level("INFO")
    named = {"from": "1970-01-01T00:00:00Z", "to": "1970-01-02T00:00:00Z"}
    told = list_alerts(form(**named, rule="error_rate"))
    assert asked == [(RULES, 0, DAY_MS, 24 * 3_600_000)]
    assert told["by_rule"] == {"error_rate": 1}
    assert (told["rule"], told["count"]) == ("error_rate", 1)
    (alert,) = told["alerts"]
    assert alert["alert_id"] in caplog.text
    assert list_alerts(form(**named))["count"] == len(made())


def test_a_line_is_one_line_with_the_id() -> None:
    alert = replace(made()[0], sentence="a\x1b[31m\nb", mode="shadow")
    told = line(alert)
    assert str(alert.alert_id) in told
    assert "(shadow)" in told
    assert told.isprintable()
