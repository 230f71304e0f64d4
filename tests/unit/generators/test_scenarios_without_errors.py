"""Scenarios in which nobody logs an ERROR: the shipped rules see them; health makes no alert."""

from __future__ import annotations

import functools
from datetime import UTC, datetime

import pytest

from alerting.alert import Alert
from alerting.recorded import minutes_of
from alerting.rules.engine import Engine
from firstcause.alerts.rules_file import load_rules
from firstcause.events.log_event import LogEvent, read_log_event
from firstcause.settings import Settings
from generators.scenario import load_scenario
from generators.stream.event_stream import EventStream, GeneratorParameters
from generators.topology_file import load_topology

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
START_MS = int(START.timestamp() * 1_000)
SEEDS = (1, 2, 3)
RATE = 60
DURATION = 1_080


def fault_seconds(seed: int) -> float:
    """Not at the beginning of a minute, and each time at another place in it."""
    return 900.0 + 17 * seed


@functools.cache
def events(scenario: str | None, seed: int) -> tuple[LogEvent, ...]:
    fault = (
        {"fault_start_seconds": fault_seconds(seed), "fault_duration_seconds": 300.0}
        if scenario
        else {}
    )
    stream = EventStream(GeneratorParameters(RATE, DURATION, scenario, seed, START, **fault))
    received_ms = START_MS + 86_400_000
    return tuple(
        read_log_event(value, received_ms) for batch in stream.batches() for value in batch.values
    )


def alerts(scenario: str | None, seed: int) -> tuple[Alert, ...]:
    rules = load_rules(Settings(_env_file=None).alert_rules)
    until_ms = START_MS + DURATION * 1_000
    return Engine(rules).judge(minutes_of(events(scenario, seed)), until_ms).alerts


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("scenario", "rules"),
    [
        ("slow_only", {"latency_unusual"}),
        ("silent_service", {"silent", "traffic_broke_off"}),
        ("traffic_breaks_off", {"traffic_broke_off"}),
    ],
)
def test_the_culprit_has_an_alert_within_90_seconds(
    scenario: str, rules: set[str], seed: int
) -> None:
    assert not [event for event in events(scenario, seed) if event.is_error]
    culprit = load_scenario(scenario, load_topology()).culprit
    fault_ms = START_MS + fault_seconds(seed) * 1_000
    found = alerts(scenario, seed)
    assert not [one for one in found if one.window_end_ms < fault_ms]
    seen = [one for one in found if one.service_name == culprit and one.is_loud]
    assert min(one.window_end_ms for one in seen) - fault_ms <= 90_000
    assert {one.rule for one in seen} <= rules


@pytest.mark.parametrize("seed", SEEDS)
def test_healthy_traffic_makes_no_alert(seed: int) -> None:
    assert [one.sentence for one in alerts(None, seed)] == []


def test_of_a_silent_service_nothing_is_logged_while_the_fault_lasts() -> None:
    end_ms = START_MS + DURATION * 1_000
    begin_ms = START_MS + fault_seconds(1) * 1_000
    during = [one for one in events("silent_service", 1) if begin_ms <= one.timestamp_ms < end_ms]
    assert during
    assert "inventory" not in {one.service_name for one in during}


def test_requests_that_never_arrive_leave_nothing_anywhere() -> None:
    def orders(scenario: str | None) -> int:
        begin_ms = START_MS + fault_seconds(1) * 1_000
        return len(
            {
                one.trace_id
                for one in events(scenario, 1)
                if one.service_name == "order" and one.timestamp_ms >= begin_ms and one.trace_id
            }
        )

    assert 0 < orders("traffic_breaks_off") < orders(None) / 4
