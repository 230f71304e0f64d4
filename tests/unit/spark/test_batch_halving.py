"""A batch that fails for some of its records: the others are stored, these are found."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark.store.halving import HalvingSearch, Position, SearchTimeout, run_and_give_up


class Store:
    """Takes parts without poison; fails as a whole for the others."""

    def __init__(self, poison: set[Position], error: Exception | None = None) -> None:
        self.poison = poison
        self.error = error or ValueError("UUID string too large")
        self.stored: set[Position] = set()
        self.calls = 0

    def __call__(self, part: Sequence[Position]) -> None:
        assert part
        self.calls += 1
        if self.poison & set(part):
            raise self.error
        self.stored |= set(part)


def batch(count: int) -> list[Position]:
    return sorted(Position(number % 3, 100 + number // 3) for number in range(count))


class Probe:
    """Counts its calls; fails while it has an error."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1
        if self.error is not None:
            raise self.error


def unasked() -> None:
    pytest.fail("a part of the batch was stored")


def always() -> float:
    return 1.0


@settings(deadline=None)
@given(st.integers(2, 300), st.data())
def test_all_but_the_poison_is_stored(count: int, data: st.DataObject) -> None:
    positions = batch(count)
    poison = data.draw(st.sets(st.sampled_from(positions)) | st.just(set(positions)))
    store, search = Store(poison), HalvingSearch.of(positions)
    search.run(store, Probe(), always)
    assert {one.position for one in search.found} == poison
    assert store.stored == set(positions) - poison


def test_one_record_of_a_hundred_thousand_takes_seventeen_halvings() -> None:
    positions = batch(100_000)
    store = Store({positions[70_123]})
    search = HalvingSearch.of(positions)
    search.run(store, unasked, always)
    assert [one.position for one in search.found] == [positions[70_123]]
    assert store.calls <= 36


@pytest.mark.parametrize("count", [1, 3, 4, 100])
def test_a_batch_of_nothing_but_poison_is_found_where_the_probe_is_stored(count: int) -> None:
    store, probe, search = Store(set(batch(count))), Probe(), HalvingSearch.of(batch(count))
    search.run(store, probe, always)
    assert [one.position for one in search.found] == batch(count)
    assert probe.calls == 1


@pytest.mark.parametrize("count", [1, 3, 4, 1_000])
def test_a_fault_that_fails_every_record_makes_no_dead_letters(count: int) -> None:
    """Such as a table that is missing: the probe can't be stored either."""
    positions = batch(count)
    missing = ValueError("unconfigured table")
    store, probe, search = (
        Store(set(positions), missing),
        Probe(missing),
        HalvingSearch.of(positions),
    )
    for _ in range(2):
        calls = store.calls
        with pytest.raises(ValueError, match="unconfigured table"):
            search.run(store, probe, always)
        assert search.found == []
        assert store.calls - calls < 20
    # The table is there again: what had failed until then is stored.
    store.poison, probe.error = set(), None
    search.run(store, probe, always)
    assert search.found == []
    assert store.stored == set(positions)


def test_the_error_of_a_probe_is_told_as_the_cause() -> None:
    store, search = Store(set(batch(4))), HalvingSearch.of(batch(4))
    away = ConnectionError("away")
    with pytest.raises(ValueError, match="too large") as raised:
        search.run(store, Probe(away), always)
    assert raised.value.__cause__ is away


def test_a_run_of_poison_at_the_beginning_is_found_all_the_same() -> None:
    positions = batch(1_000)
    store, search = Store(set(positions[:100])), HalvingSearch.of(positions)
    search.run(store, Probe(), always)
    assert sorted(one.position for one in search.found) == positions[:100]


def test_an_error_of_a_service_is_no_reason_to_give_a_record_up() -> None:
    positions = batch(10)
    store, search = Store({positions[0]}, TimeoutError()), HalvingSearch.of(positions)
    with pytest.raises(TimeoutError):
        search.run(store, unasked, always)
    assert search.found == []
    # The service is back.
    store.poison = set()
    search.run(store, unasked, always)
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
            search.run(store, Probe(), lambda ends_at=ends_at: ends_at - store.calls)
        except SearchTimeout:
            continue
    assert {one.position for one in search.found} == poison
    assert store.stored == set(positions) - poison
    assert 5 < runs < 12


def test_what_a_search_found_is_given_up_also_where_it_failed() -> None:
    given_up = []

    def run() -> None:
        raise SearchTimeout("over")

    with pytest.raises(SearchTimeout):
        run_and_give_up(run, lambda: given_up.append("once"))
    run_and_give_up(lambda: None, lambda: given_up.append("again"))
    assert given_up == ["once", "again"]


def test_a_letter_that_is_refused_does_not_hide_why_the_search_failed() -> None:
    refused = OSError("no topic")

    def run() -> None:
        raise SearchTimeout("over")

    def give_up() -> None:
        raise refused

    with pytest.raises(SearchTimeout, match="over") as raised:
        run_and_give_up(run, give_up)
    assert raised.value.__cause__ is refused
    with pytest.raises(OSError, match="no topic"):
        run_and_give_up(lambda: None, give_up)
