"""Fault drills a minute apart are incidents of their own, each with its culprit first."""

from __future__ import annotations

import pytest

from bench.quality.neighbouring_drills import Healthy, drilled, learned


@pytest.fixture(scope="module")
def healthy() -> Healthy:
    return learned(300.0)


@pytest.mark.parametrize(
    "scenarios",
    [
        # The second culprit's fault is nearer to the end of the first one's window.
        ("bad_deployment", "db_pool_exhausted"),
        # The first culprit calls the second one.
        ("memory_leak", "slow_dependency"),
    ],
)
def test_each_of_two_drills_has_an_incident_with_its_culprit_first(
    healthy: Healthy, scenarios: tuple[str, ...]
) -> None:
    found = drilled(scenarios, seed=401, healthy=healthy)
    assert [(one.is_alone, one.suspects[0]) for one in found] == [
        (True, one.culprit) for one in found
    ]
