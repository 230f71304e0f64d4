"""Recordings cut into hours: each trace whole, in the hour in which it starts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from root_cause.quiet_hours.due_hours import HOUR_MS, hours_of
from root_cause.quiet_hours.quiet_stretches import TimeRange
from root_cause.quiet_hours.whole_traces import by_hour, starting_in
from tests.unit.root_cause.small_traces import START_MS, Line, trace


@given(st.lists(st.tuples(st.integers(0, 6 * HOUR_MS), st.integers(0, 2 * HOUR_MS)), min_size=1))
def test_hours_hold_what_starts_in_them(begun: list[tuple[int, int]]) -> None:
    events = [
        event
        for number, (after_ms, lasts_ms) in enumerate(begun, 1)
        for event in trace(
            number, [Line(0, "a", "x"), Line(lasts_ms, "b", "y")], START_MS + after_ms
        )
    ]
    last_ms = max(event.timestamp_ms for event in events)
    first_ms = min(event.timestamp_ms for event in events)
    hours = hours_of(TimeRange(first_ms, last_ms + 1))
    wanted = {hour: starting_in((hour,), events, ()) for hour in hours}
    assert by_hour(events, ()) == {hour: own for hour, own in wanted.items() if own[0]}


def test_recordings_half_a_century_apart_have_the_hours_that_hold_something() -> None:
    late_ms = START_MS + 50 * 365 * 24 * HOUR_MS
    events = trace(1, [Line(0, "a", "x")], START_MS) + trace(2, [Line(0, "a", "x")], late_ms)
    assert len(by_hour(events, ())) == 2
