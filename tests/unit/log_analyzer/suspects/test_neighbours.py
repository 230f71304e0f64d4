"""Which part of an incident's window is its own."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from log_analyzer.suspects.neighbours import (
    LEAST_EARLY_MS,
    LEAST_ERRORS,
    LEAST_OWN_MS,
    Neighbour,
    begun_within,
    is_short,
    joined,
    own_window,
    part_within,
)
from log_analyzer.suspects.window import LEAD_MS, RankingWindow, window_around
from tests.unit.log_analyzer.context.incident_parts import START_MS, a_log

WHOLE = window_around(START_MS)
MINUTE_MS = 60_000


def neighbour(first_ms: int, last_ms: int, errors: int = 10) -> Neighbour:
    return Neighbour(START_MS + first_ms, START_MS + last_ms, errors)


def own(*neighbours: Neighbour, has_normal: bool = True) -> tuple[int, int]:
    """The window of an incident with ten errors, relative to its first one."""
    found = own_window(START_MS, 10, neighbours, has_normal=has_normal)
    return found.start_ms - START_MS, found.end_ms - START_MS


def test_the_window_lies_between_what_ended_before_and_what_began_after() -> None:
    whole = WHOLE.start_ms - START_MS, WHOLE.end_ms - START_MS
    assert own() == whole
    assert own(neighbour(-90_000, -40_000)) == (-39_999, whole[1])
    assert own(neighbour(LEAST_OWN_MS, 999_999)) == (whole[0], LEAST_OWN_MS - LEAD_MS)
    assert own(neighbour(-90_000, -40_000), neighbour(60_000, 90_000)) == (-39_999, 55_000)


def test_what_runs_at_the_beginning_leaves_a_little_time_before_it() -> None:
    running = neighbour(-90_000, 90_000)
    assert own(running)[0] == -LEAST_EARLY_MS
    assert is_short(own_window(START_MS, 10, [running], has_normal=True), START_MS)
    assert not is_short(WHOLE, START_MS)


def test_what_runs_since_before_the_window_cuts_nothing_until_it_ends() -> None:
    whole = own()
    assert own(neighbour(-86_400_000, 90_000)) == whole
    assert own(neighbour(-86_400_000, -50_000))[0] == -49_999


def test_few_errors_and_what_begins_at_about_the_same_time_cut_nothing() -> None:
    whole = own()
    assert own(neighbour(-90_000, -40_000, errors=LEAST_ERRORS - 1)) == whole
    assert own(neighbour(60_000, 90_000, errors=LEAST_ERRORS - 1)) == whole
    assert own(neighbour(LEAST_OWN_MS - 1, 90_000)) == whole
    many = own_window(START_MS, 1_000, [neighbour(60_000, 90_000, errors=199)], has_normal=True)
    assert many == WHOLE


def test_without_a_normal_all_that_came_before_is_kept() -> None:
    assert own(neighbour(-90_000, -40_000), has_normal=False) == own()
    assert own(neighbour(60_000, 90_000), has_normal=False)[1] == 55_000


@given(st.lists(st.tuples(st.integers(-200_000, 200_000), st.integers(0, 400_000))))
def test_the_first_error_is_always_in_it_with_time_before_and_after(found) -> None:
    start, end = own(*(neighbour(first, first + lasts) for first, lasts in found))
    assert start <= -LEAST_EARLY_MS
    assert end >= LEAST_OWN_MS - LEAD_MS


def test_the_part_within_a_window_is_counted_by_its_minutes() -> None:
    window = RankingWindow(10 * MINUTE_MS + 5, 12 * MINUTE_MS)
    times = 9 * MINUTE_MS + 7, 20 * MINUTE_MS
    assert part_within(window, times, {9: 1, 12: 4, 20: 3}) is None
    assert part_within(window, times, {9: 1, 10: 1, 11: 2}) == Neighbour(
        times[0], 12 * MINUTE_MS, 3
    )
    times = 10 * MINUTE_MS + 9, 10 * MINUTE_MS + 20
    assert part_within(window, times, {10: 1}) == Neighbour(*times, 1)
    parts = [Neighbour(5, 7, 1), Neighbour(3, 6, 4)]
    assert joined(parts) == Neighbour(3, 7, 5)


def test_traces_stay_whole_and_belong_to_the_window_that_they_begin_in() -> None:
    window = RankingWindow(START_MS, START_MS + 100)
    inside = [a_log("order", 0, trace="a"), a_log("stock", 5_000, trace="a"), a_log("mail", 99)]
    outside = [
        a_log("order", -1, trace="b"),
        a_log("stock", 50, trace="b"),
        a_log("mail", 100),
        a_log("order", 100, trace="c"),
    ]
    assert begun_within([*outside, *inside], window) == tuple(inside)


def test_a_request_that_began_before_and_fails_in_the_window_is_kept() -> None:
    window = RankingWindow(START_MS, START_MS + 100)
    waiting = [a_log("order", -30_000, trace="a"), a_log("order", 5, trace="a", level="ERROR")]
    failed_before = [
        a_log("order", -30_000, trace="b", level="ERROR"),
        a_log("order", 5, trace="b"),
    ]
    assert begun_within([*waiting, *failed_before], window) == tuple(waiting)
