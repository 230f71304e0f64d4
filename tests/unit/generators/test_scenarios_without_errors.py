"""Scenarios in which nobody logs an ERROR: the shipped rules see them; health makes no alert."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from alerting.recorded import minutes_of
from alerting.rules.engine import Engine
from alerting.windows import WindowMetrics
from firstcause.alerts.rules_file import load_rules
from firstcause.events.log_event import read_log_event
from firstcause.settings import Settings
from generators.scenario import load_scenario
from generators.stream.event_stream import EventStream, GeneratorParameters
from generators.topology_file import load_topology

START = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
START_MS = int(START.timestamp() * 1_000)
RATE, DURATION = 60, 1_080


def fault_seconds(seed: int) -> float:
    """Not at the beginning of a minute, and each time at another place in it."""
    return 900.0 + 17 * seed


def minutes(scenario: str, seed: int) -> list[WindowMetrics]:
    fault = {"fault_start_seconds": fault_seconds(seed), "fault_duration_seconds": 300.0}
    stream = EventStream(GeneratorParameters(RATE, DURATION, scenario, seed, START, **fault))
    received_ms = START_MS + 86_400_000
    return minutes_of(
        read_log_event(value, received_ms) for batch in stream.batches() for value in batch.values
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(
    ("scenario", "rules"),
    [
        ("slow_only", {"latency_unusual"}),
        ("silent_service", {"silent", "traffic_broke_off"}),
        ("traffic_breaks_off", {"traffic_broke_off"}),
    ],
)
def test_the_culprit_has_an_alert_within_90_seconds_and_nobody_before(
    scenario: str, rules: set[str], seed: int
) -> None:
    rows = minutes(scenario, seed)
    assert sum(row.errors for row in rows) == 0
    fault_ms = START_MS + fault_seconds(seed) * 1_000
    shipped = load_rules(Settings(_env_file=None).alert_rules)
    found = Engine(shipped).judge(rows, START_MS + DURATION * 1_000)
    assert [one.sentence for one in found if one.window_end_ms < fault_ms] == []
    culprit = load_scenario(scenario, load_topology()).culprit
    seen = [one for one in found if one.service_name == culprit and one.severity == "high"]
    assert min(one.window_end_ms for one in seen) - fault_ms <= 90_000
    assert {one.rule for one in seen} <= rules
