"""Which time, traces and services an incident's ranking reads."""

from __future__ import annotations

from collections.abc import Iterable

from hypothesis import given
from hypothesis import strategies as st

from firstcause.events.log_event import LogEvent
from log_analyzer.suspects.window import (
    LEAD_MS,
    SETTLED_MS,
    STRAY_MS,
    in_order_of_interest,
    sample_of_traces,
    settled,
    start_of_fault,
    window_around,
)
from root_cause.ranking.ranker import LEAST_WINDOW_MS
from tests.unit.log_analyzer.context.incident_parts import START_MS, a_log

NOW_MS = START_MS + 3_600_000
NAMES = st.sampled_from(["web", "order", "payment", "stock", "mail", "auth"])


def test_the_window_begins_before_the_first_error_and_ends_after_it() -> None:
    window = window_around(START_MS)
    assert window.start_ms < START_MS < window.end_ms


def test_a_young_fault_is_ranked_since_its_first_error_and_an_old_one_is_searched() -> None:
    young = [a_log("order", 0), a_log("order", LEAST_WINDOW_MS - 1)]
    assert start_of_fault(START_MS, young, NOW_MS) == START_MS - LEAD_MS
    assert start_of_fault(START_MS, [*young, a_log("order", LEAST_WINDOW_MS)], NOW_MS) is None
    assert start_of_fault(START_MS, [], NOW_MS) == START_MS - LEAD_MS


def test_traces_that_may_lack_a_part_are_left_out() -> None:
    window = window_around(START_MS)
    whole = [a_log("order", 0, trace="a"), a_log("stock", 5_000, trace="a"), a_log("order", 1)]
    young = [a_log("order", 20_000 - SETTLED_MS + 1, trace="b"), a_log("order", 20_000)]
    stray = [a_log("order", 0, trace="c"), a_log("order", -10 * STRAY_MS, trace="c")]
    lasting = [a_log("order", 2, trace="d"), a_log("order", 19_999, trace="d")]
    assert set_of_ids(settled([*whole, *young, *stray, *lasting], window, NOW_MS)) == set_of_ids(
        [*whole, *lasting]
    )
    assert settled([], window, NOW_MS) == ()


@given(st.permutations(range(40)), st.integers(0, 50))
def test_the_sample_of_traces_depends_on_no_order(order: list[int], count: int) -> None:
    events = [a_log("order", n, trace=f"{n % 20:x}") for n in order]
    found = sample_of_traces([*events, a_log("order", 1)], count)
    assert found == sample_of_traces(sorted(events, key=lambda one: one.timestamp_ms), count)
    assert len(set(found)) == len(found) == min(count, 20)


@given(st.sets(NAMES), st.sets(NAMES), st.lists(st.tuples(NAMES, NAMES)), st.integers(1, 6))
def test_the_incidents_services_come_first_and_none_comes_twice(
    known: set[str], incident: set[str], calls: list[tuple[str, str]], count: int
) -> None:
    found = in_order_of_interest(known, incident, calls, count)
    assert len(set(found)) == len(found) <= count
    assert set(found[: len(incident)]) <= incident
    assert set(found) == known | incident | _reached(incident, calls) or len(found) == count


def test_those_near_in_calls_come_before_the_rest() -> None:
    calls = [("web", "order"), ("order", "payment"), ("mail", "auth")]
    found = in_order_of_interest(["auth", "mail", "payment", "web"], ["order"], calls, 9)
    assert found == ("order", "payment", "web", "auth", "mail")


def _reached(names: set[str], calls: list[tuple[str, str]]) -> set[str]:
    found = set(names)
    for _ in calls:
        for one, other in calls:
            if found & {one, other}:
                found |= {one, other}
    return found


def set_of_ids(events: Iterable[LogEvent]) -> set[str]:
    return {event.log_id for event in events}
