"""What an evaluation measures with: references, bootstrap intervals, the bound of naming."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from root_cause.evaluation.intervals import interval_of
from root_cause.evaluation.log_damage import DEGRADATIONS, Degradation
from root_cause.evaluation.references import (
    blame_of_names,
    count_of_errors,
    deepest_failure,
    first_error,
    position,
)
from root_cause.evaluation.reliability import (
    LEAST_RIGHT,
    MOST_CONFIDENT_WRONG,
    FirstSuspect,
    bound_of,
    left_out,
    point,
)
from tests.unit.root_cause.small_traces import START_MS, Line, trace

FAILING = trace(
    1,
    [
        Line(0, "web", "request"),
        Line(1, "shop", "order"),
        Line(1, "stock", "no stock", "ERROR"),
        Line(1, "shop", "stock failed", "ERROR"),
        Line(1, "shop", "order failed", "ERROR"),
        Line(1, "web", "answered 500"),
    ],
    START_MS,
)


def test_each_reference_has_its_own_first_suspect() -> None:
    assert count_of_errors(FAILING, ()) == {"stock": 1, "shop": 2}
    assert max(first_error(FAILING, ()).items(), key=lambda one: one[1])[0] == "stock"
    assert deepest_failure(FAILING, ()) == {"stock": 1}
    assert blame_of_names(FAILING, ()) == {"stock": 2, "shop": 1}


def test_mild_lines_blame_a_peer_that_does_not_answer_at_half_the_weight() -> None:
    lines = [
        Line(0, "web", "cart: connection refused, trying again", "WARN"),
        Line(1, "web", "cart is full", "WARN"),
        Line(1, "cart", "hello"),
    ]
    assert blame_of_names(trace(1, lines, START_MS), ()) == {"cart": 0.5}


def test_who_shares_a_score_shares_the_worse_place() -> None:
    scores = {"a": 2.0, "b": 2.0, "c": 1.0}
    assert [position(scores, name) for name in ("a", "c", "d")] == [2, 3, None]


@given(st.lists(st.tuples(st.integers(0, 50), st.just(50)), min_size=1, max_size=4))
def test_an_interval_holds_its_share(systems: list[tuple[int, int]]) -> None:
    share, low, high = interval_of(systems)
    assert share == pytest.approx(sum(hits / 50 for hits, _ in systems) / len(systems))
    assert 0 <= low <= share + 1e-9
    assert share - 1e-9 <= high <= 1
    assert interval_of(systems) == (share, low, high)


def test_a_known_interval() -> None:
    """80 of 100: the normal approximation has 0.8 +- 1.96 * 0.04."""
    _, low, high = interval_of([(80, 100)])
    assert low == pytest.approx(0.72, abs=0.011)
    assert high == pytest.approx(0.88, abs=0.011)


def test_the_bound_holds_for_all_scores_above_it() -> None:
    wrong_high = [FirstSuspect(score, 9, score != 19) for score in range(20)]
    assert bound_of([wrong_high], 1.4) is None
    wrong_low = [FirstSuspect(score, 9, score > 3) for score in range(100)]
    assert bound_of([wrong_low], 1.4) == 0
    worse = [FirstSuspect(score, 9, score > 30) for score in range(100)]
    assert bound_of([wrong_low, worse], 1.4) == 27


SUSPECTS = st.lists(
    st.builds(FirstSuspect, st.integers(0, 8), st.sampled_from([1.0, 2.0]), st.booleans()),
    max_size=30,
)


@given(st.lists(SUSPECTS, min_size=1, max_size=3))
def test_a_bound_keeps_what_it_promises(systems: list[list[FirstSuspect]]) -> None:
    bound = bound_of(systems, 1.4)
    if bound is not None:
        for found in filter(None, systems):
            at = point(found, bound, 1.4)
            assert at.share_right >= LEAST_RIGHT
            assert at.share_wrong <= MOST_CONFIDENT_WRONG


def test_a_system_is_judged_by_the_bound_of_the_others() -> None:
    good = [FirstSuspect(score, 9, True) for score in range(10)]
    bad = [FirstSuspect(score, 9, False) for score in range(10)]
    left = left_out({"good": good, "bad": bad}, 1.4)
    assert left["good"] is None
    assert left["bad"] is not None
    assert left["bad"].share_wrong == 1.0


@pytest.mark.parametrize("change", DEGRADATIONS.values(), ids=lambda one: one.name)
def test_a_change_is_seeded_and_never_in_place(change: Degradation) -> None:
    events = [
        event
        for number in range(1, 41)
        for event in trace(number, [Line(0, "web", "go"), Line(1, "b", "went", "DEBUG")], START_MS)
    ]
    before = list(events)
    first, second = (change.change(events, (), random.Random(3)) for _ in range(2))
    assert first == second
    assert events == before
    if change.name == "short-normal":
        assert len(first[0]) == 8
    if change.name == "half-normal":
        assert len({event.service_name for event in first[0]}) == 1
    if change.name == "no-debug":
        assert {event.service_name for event in first[0]} == {"web"}
    if change.name == "no-trace-ids":
        assert all(event.trace_id is None for event in first[0])
