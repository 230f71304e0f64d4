from __future__ import annotations

import pytest
from prometheus_client import REGISTRY

from log_analyzer.model.breaker import CircuitBreaker


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(failures=3, open_seconds=30, open_max_seconds=100, clock=clock)


def state_in_metrics() -> str:
    name = "firstcause_model_breaker"
    states = ("closed", "open", "half_open")
    [state] = [one for one in states if REGISTRY.get_sample_value(name, {name: one}) == 1]
    return state


def fail(breaker: CircuitBreaker, times: int) -> None:
    for _ in range(times):
        assert breaker.allow()
        breaker.failed()


def test_it_opens_after_failures_in_a_row_and_one_probe_decides(breaker, clock) -> None:
    fail(breaker, 2)
    breaker.succeeded()
    fail(breaker, 2)
    assert state_in_metrics() == "closed"
    fail(breaker, 1)
    assert (state_in_metrics(), breaker.allow()) == ("open", False)
    clock.seconds = 30
    assert breaker.allow()
    assert state_in_metrics() == "half_open"
    assert not breaker.allow()
    breaker.succeeded()
    assert state_in_metrics() == "closed"
    assert breaker.allow()


def test_ten_minutes_without_an_answer_cost_few_probes(breaker, clock) -> None:
    asked = 0
    for _ in range(600):
        if breaker.allow():
            asked += 1
            breaker.failed()
        clock.seconds += 1
    assert asked <= 3 + 7  # after 30, 60, then 100 s each
    assert state_in_metrics() == "open"
    clock.seconds += breaker.wait_seconds()
    assert breaker.allow()
    breaker.succeeded()
    assert breaker.wait_seconds() == 0


def test_the_servers_wish_opens_it_at_once_and_is_bounded(breaker, clock) -> None:
    breaker.failed(asked_seconds=80)
    assert (breaker.state, breaker.wait_seconds()) == ("open", 80)
    clock.seconds = 80
    assert breaker.allow()
    breaker.failed(asked_seconds=10_000)
    assert breaker.wait_seconds() == 100


def test_a_late_failure_of_before_does_not_lengthen_the_pause(breaker, clock) -> None:
    fail(breaker, 3)
    clock.seconds = 20
    breaker.failed()
    assert breaker.wait_seconds() == 10
