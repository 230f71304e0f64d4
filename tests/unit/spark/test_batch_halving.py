"""A batch that fails for some of its records: the others are stored, these are found."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark.store.halving import HalvingSearch, Position, SearchTimeout, is_of_data


class Store:
    """Takes parts without poison; fails as a whole for the others."""

    def __init__(self, poison: set[Position], error: str = "UUID string too large") -> None:
        self.poison = poison
        self.error = error
        self.stored: set[Position] = set()
        self.calls = 0

    def __call__(self, part: Sequence[Position]) -> None:
        assert part
        self.calls += 1
        if self.poison & set(part):
            raise ValueError(self.error)
        self.stored |= set(part)


def batch(count: int) -> list[Position]:
    return sorted(Position(number % 3, 100 + number // 3) for number in range(count))


def always() -> float:
    return 1.0


@settings(deadline=None)
@given(st.integers(2, 300), st.data())
def test_all_but_the_poison_is_stored(count: int, data: st.DataObject) -> None:
    positions = batch(count)
    # Half of the batch can be stored; where nothing can, the data may not be the reason.
    some = st.lists(st.sampled_from(positions[count // 2 :]), max_size=count // 2, unique=True)
    poison = set(data.draw(some))
    store, search = Store(poison), HalvingSearch.of(positions)
    search.run(store, always)
    assert {one.position for one in search.found} == poison
    assert store.stored == set(positions) - poison


def test_one_record_of_a_hundred_thousand_takes_seventeen_halvings() -> None:
    positions = batch(100_000)
    store = Store({positions[70_123]})
    search = HalvingSearch.of(positions)
    search.run(store, always)
    assert [one.position for one in search.found] == [positions[70_123]]
    assert store.calls <= 36


def test_a_batch_of_one_record_is_that_record() -> None:
    search = HalvingSearch.of(batch(1))
    search.run(Store(set(batch(1))), always)
    assert [one.position for one in search.found] == batch(1)


def test_a_fault_that_fails_every_record_makes_no_dead_letters() -> None:
    """Such as a table that is missing: nothing speaks for the data as the reason."""
    positions = batch(1_000)
    store, search = Store(set(positions), "unconfigured table"), HalvingSearch.of(positions)
    with pytest.raises(ValueError, match="unconfigured table"):
        search.run(store, always)
    assert search.found == []
    assert store.calls < 60


def test_a_run_of_poison_at_the_beginning_is_found_all_the_same() -> None:
    positions = batch(1_000)
    store, search = Store(set(positions[:100])), HalvingSearch.of(positions)
    search.run(store, always)
    assert sorted(one.position for one in search.found) == positions[:100]


@pytest.mark.parametrize(
    "error",
    [
        "com.datastax.oss.driver.api.core.AllNodesFailedException: All 1 node(s) tried",
        "java.io.IOException: Failed to open native connection to Cassandra",
        "DriverTimeoutException: Query timed out after PT12S",
        "org.apache.kafka.common.errors.TimeoutException: Topic not present after 60000 ms",
        "java.lang.OutOfMemoryError: Java heap space",
    ],
)
def test_an_error_of_a_service_is_no_reason_to_give_a_record_up(error: str) -> None:
    positions = batch(10)
    store, search = Store({positions[0]}, error), HalvingSearch.of(positions)
    assert not is_of_data(ValueError(error))
    with pytest.raises(ValueError, match=r"\w"):
        search.run(store, always)
    assert search.found == []
    # The service is back.
    store.poison = set()
    search.run(store, always)
    assert store.stored == set(positions)


def test_a_search_whose_time_is_over_goes_on_where_it_stopped() -> None:
    positions = batch(1_000)
    poison = {positions[10], positions[700]}
    store, search = Store(poison), HalvingSearch.of(positions)
    runs = 0
    while search.parts:
        runs += 1
        ends_at = store.calls + 5
        try:
            search.run(store, lambda ends_at=ends_at: ends_at - store.calls)
        except SearchTimeout:
            continue
    assert {one.position for one in search.found} == poison
    assert store.stored == set(positions) - poison
    assert 5 < runs < 12
