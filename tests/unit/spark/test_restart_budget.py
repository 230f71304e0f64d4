"""How often, and how soon, a driver is restarted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spark.driver.restart_budget import RestartBudget

BUDGET = RestartBudget(max_restarts=3, within_seconds=100, max_delay_seconds=5)


def test_three_restarts_within_the_time_and_no_more() -> None:
    restarts: list[float] = []
    for now in (10.0, 20.0, 30.0):
        assert BUDGET.allows(restarts, now)
        restarts.append(now)
    assert not BUDGET.allows(restarts, 40.0)
    assert BUDGET.allows(restarts, 110.0)  # the first has left the window


def test_a_driver_that_fails_slowly_is_given_up_too() -> None:
    budget = RestartBudget()
    restarts: list[float] = []
    now = 0.0
    while budget.allows_without_batch(restarts, now):
        # It waits a quarter of an hour for a service, then ends: never ten times in 30 minutes.
        assert budget.allows(restarts, now)
        restarts.append(now)
        now += 915.0
    assert len(restarts) == 5
    assert budget.allows_without_batch(restarts, now + budget.without_batch_seconds)


def test_delays_grow_from_none_to_the_limit() -> None:
    delays = [BUDGET.delay_seconds([0.0] * count, 1.0) for count in range(6)]
    assert delays == [0, 1, 2, 4, 5, 5]


@given(st.lists(st.floats(0, 1e6)), st.floats(0, 1e6))
def test_only_restarts_of_the_window_count(restarts: list[float], now: float) -> None:
    spent = BUDGET.spent(restarts, now)
    assert all(now - moment < BUDGET.within_seconds for moment in spent)
    assert BUDGET.allows(restarts, now) == (len(spent) < BUDGET.max_restarts)
