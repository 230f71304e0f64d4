"""Which times are quiet, and which traces and hours belong to them."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from root_cause.quiet_hours.due_hours import (
    HOUR_MS,
    LATE_MARGIN_MS,
    MOST_HOURS_BACK,
    disturbed_since,
    due_hours,
    hours_asked_for,
    hours_of,
)
from root_cause.quiet_hours.quiet_stretches import (
    LEAST_QUIET_MS,
    MARGIN_AFTER_MS,
    MARGIN_BEFORE_MS,
    Disturbance,
    TimeRange,
    quiet_stretches,
)
from root_cause.quiet_hours.whole_traces import starting_in
from tests.unit.root_cause.small_traces import START_MS, Line, spans_of_call, trace

HOUR = TimeRange(0, HOUR_MS)
MINUTE_MS = 60_000

moments = st.integers(-2 * HOUR_MS, 3 * HOUR_MS)


@st.composite
def disturbances(draw: st.DrawFn) -> Disturbance:
    start_ms = draw(moments)
    length_ms = draw(st.integers(0, HOUR_MS))
    return Disturbance("x", start_ms, draw(st.sampled_from([None, start_ms + length_ms])))


@given(st.lists(disturbances(), max_size=6), st.lists(moments, max_size=20))
def test_no_quiet_moment_is_near_a_disturbance_and_every_far_one_is_quiet(
    noise: list[Disturbance], asked: list[int]
) -> None:
    stretches = quiet_stretches(HOUR, noise)
    assert stretches == sorted(stretches)
    assert all(one.end_ms - one.start_ms >= LEAST_QUIET_MS for one in stretches)
    borders = [at for one in stretches for at in (one.start_ms, one.end_ms - 1)]
    for at_ms in [*asked, *borders]:
        near = any(
            one.start_ms - MARGIN_BEFORE_MS <= at_ms
            and (one.end_ms is None or at_ms <= one.end_ms + MARGIN_AFTER_MS)
            for one in noise
        )
        inside = any(at_ms in one for one in stretches)
        assert not (inside and near)
        assert not inside or at_ms in HOUR
        if at_ms in HOUR and not near and not inside:
            # Only pieces too short to be worth it are left out.
            assert any(
                not one.touches(at_ms, at_ms)
                and one.touches(at_ms - LEAST_QUIET_MS, at_ms + LEAST_QUIET_MS)
                for one in noise
            )


@given(st.lists(disturbances(), max_size=6), st.randoms(use_true_random=False))
def test_the_order_of_disturbances_and_copies_of_them_make_no_difference(
    noise: list[Disturbance], dice: object
) -> None:
    expected = quiet_stretches(HOUR, noise)
    shuffled = noise * 2
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert quiet_stretches(HOUR, shuffled) == expected


@given(disturbances())
def test_what_touches_an_hour_is_what_takes_something_from_it(one: Disturbance) -> None:
    assert quiet_stretches(HOUR, []) == [HOUR]
    if not one.touches(HOUR.start_ms, HOUR.end_ms):
        assert quiet_stretches(HOUR, [one]) == [HOUR]


def test_an_open_incident_leaves_what_was_before_it() -> None:
    since = Disturbance("incident", 20 * MINUTE_MS, None)
    assert quiet_stretches(HOUR, [since]) == [TimeRange(0, 15 * MINUTE_MS)]


def test_a_trace_belongs_whole_to_the_stretch_in_which_it_starts() -> None:
    lines = [Line(0, "shop", "begins"), Line(2_000, "cart", "reads"), Line(10, "shop", "ends")]
    over_the_start = trace(1, lines, START_MS - 1_000)
    over_the_end = trace(2, lines, START_MS + 9_000)
    within = trace(3, lines, START_MS + 4_000)
    spans = spans_of_call(
        1, START_MS - 1_000, caller="shop", callee="cart", way_ms=3_000.0, work_ms=9.0
    )
    stretch = TimeRange(START_MS, START_MS + 10_000)
    events, found = starting_in([stretch], [*over_the_start, *over_the_end, *within], spans)
    assert {event.log_id for event in events} == {
        event.log_id for event in [*over_the_end, *within]
    }
    assert found == []


@given(st.integers(100 * HOUR_MS, 1_000 * HOUR_MS), st.sets(st.integers(0, 1_000), max_size=40))
def test_hours_are_due_once_they_are_over_and_not_for_ever(now_ms: int, done: set[int]) -> None:
    starts = {number * HOUR_MS for number in done}
    due = due_hours(now_ms, starts)
    assert due == sorted(due)
    assert len(due) <= MOST_HOURS_BACK
    for hour in due:
        assert hour.end_ms - hour.start_ms == HOUR_MS
        assert hour.end_ms + LATE_MARGIN_MS <= now_ms
        assert hour.start_ms not in starts
    newest = due_hours(now_ms, set())[-1]
    assert newest.end_ms + HOUR_MS + LATE_MARGIN_MS > now_ms


@st.composite
def named_times(draw: st.DrawFn) -> TimeRange:
    start_ms = draw(st.integers(0, 10 * HOUR_MS))
    return TimeRange(start_ms, start_ms + draw(st.integers(1, 5 * HOUR_MS)))


@given(st.lists(named_times(), max_size=4), st.integers(0, 20 * HOUR_MS))
def test_hours_are_learned_again_as_a_whole_once_they_are_over(
    named: list[TimeRange], now_ms: int
) -> None:
    hours = hours_asked_for(named, now_ms, vouched=False)
    starts = [hour.start_ms for hour in hours]
    assert starts == sorted(set(starts))
    for hour in hours:
        assert (hour.start_ms % HOUR_MS, hour.end_ms - hour.start_ms) == (0, HOUR_MS)
        assert hour.end_ms + LATE_MARGIN_MS <= now_ms
    for one in named:
        for at_ms in (one.start_ms, one.end_ms - 1):
            over = at_ms // HOUR_MS * HOUR_MS + HOUR_MS + LATE_MARGIN_MS <= now_ms
            assert any(at_ms in hour for hour in hours) == over


def test_nobody_vouches_for_more_than_the_time_they_name() -> None:
    named = TimeRange(10 * HOUR_MS + 55 * MINUTE_MS, 11 * HOUR_MS + 5 * MINUTE_MS)
    assert hours_asked_for([named], 12 * HOUR_MS, vouched=True) == [
        TimeRange(named.start_ms, 11 * HOUR_MS),
        TimeRange(11 * HOUR_MS, named.end_ms),
    ]


@given(st.integers(0, 10 * HOUR_MS), st.integers(1, 5 * HOUR_MS))
def test_a_time_is_cut_at_full_hours_and_nothing_is_lost(start_ms: int, length_ms: int) -> None:
    hours = hours_of(TimeRange(start_ms, start_ms + length_ms))
    assert hours[0].start_ms == start_ms
    assert hours[-1].end_ms == start_ms + length_ms
    for one, after in pairwise(hours):
        assert one.end_ms == after.start_ms
        assert one.end_ms % HOUR_MS == 0


@given(st.lists(disturbances(), max_size=4), st.lists(disturbances(), max_size=4))
def test_an_hour_is_learned_again_only_for_what_was_not_known(
    known: list[Disturbance], later: list[Disturbance]
) -> None:
    hour = TimeRange(0, HOUR_MS)
    learned = {0: quiet_stretches(hour, known)}
    assert disturbed_since(learned, known) == set()
    again = {0: quiet_stretches(hour, [*known, *later])}
    assert (disturbed_since(learned, later) == set()) == (again == learned)
