"""What is learned as normal adds up, in any order, and survives being stored."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstcause.errors import FirstcauseError
from firstcause.events.log_event import LogEvent
from firstcause.normal.revision import is_current
from firstcause.settings import PROJECT_ROOT
from root_cause.normal.codec import TOTALS, decode, encode
from root_cause.normal.learned_counts import Normal, decayed, merge
from root_cause.normal.learner import learn
from tests.unit.root_cause.small_traces import START_MS, Line, spans_of_call, trace

LINES = st.builds(
    Line,
    after_ms=st.integers(0, 500),
    service_name=st.sampled_from(["shop", "cart", "stock"]),
    message=st.sampled_from(["begins", "reads 17 rows", "is done", "cannot go on"]),
    level=st.sampled_from(["INFO", "WARN", "ERROR"]),
)


@st.composite
def normals(draw: st.DrawFn) -> Normal:
    numbers = draw(st.lists(st.integers(1, 10_000), min_size=1, max_size=4, unique=True))
    events = [
        event
        for number in numbers
        for event in trace(number, draw(st.lists(LINES, min_size=1, max_size=8)), START_MS)
    ]
    way_ms = draw(st.integers(0, 3_000))
    spans = spans_of_call(
        numbers[0], START_MS, caller="shop", callee="cart", way_ms=way_ms, work_ms=9
    )
    return learn(events, spans)


@given(normals(), normals(), normals())
def test_merging_is_associative_and_commutative(one: Normal, two: Normal, three: Normal) -> None:
    assert merge([one, two]) == merge([two, one])
    assert merge([merge([one, two]), three]) == merge([one, merge([two, three])])
    assert merge([one, Normal()]) == one


@given(normals())
def test_what_is_stored_comes_back(normal: Normal) -> None:
    assert decode(encode(normal)) == normal


@given(normals(), normals())
def test_equal_normals_are_equal_bytes(one: Normal, two: Normal) -> None:
    assert encode(merge([one, two])) == encode(merge([two, one]))


@given(normals())
def test_decay_forgets_and_keeps(normal: Normal) -> None:
    assert decayed(normal, 1.0) == normal
    assert decayed(normal, 0.0) == Normal()
    assert decayed(merge([normal, normal]), 0.5) == normal


@given(normals(), st.randoms(use_true_random=False))
def test_learning_does_not_mind_the_order_of_arrival(_: Normal, dice: object) -> None:
    events = [
        event
        for number in range(1, 6)
        for event in trace(
            number,
            [Line(0, "shop", "begins"), Line(0, "cart", "reads"), Line(3, "shop", "ends")],
            START_MS,
        )
    ]
    shuffled = list(events)
    dice.shuffle(shuffled)  # type: ignore[attr-defined]
    assert learn(shuffled, []) == learn(events, [])


@st.composite
def untraced_events(draw: st.DrawFn) -> list[LogEvent]:
    lines = draw(st.lists(LINES, min_size=1, max_size=8))
    spans = st.sampled_from([None, "a", "b", "c"])
    return [
        replace(
            event,
            trace_id=None,
            span_id=draw(spans),
            parent_span_id=draw(spans),
            latency_ms=draw(st.none() | st.integers(0, 3_000).map(float)),
        )
        for event in trace(1, lines, START_MS)
    ]


@given(untraced_events())
def test_events_without_a_trace_have_nothing_to_do_with_one_another(events: list[LogEvent]) -> None:
    assert learn(events, []) == merge(learn([event], []) for event in events)


def test_the_ready_made_queries_show_a_version_as_it_is_named_now() -> None:
    queries = (PROJECT_ROOT / "cassandra" / "queries" / "normal.cql").read_text()
    shown = re.findall(r"version = '([^']+)'", queries)
    assert shown
    assert all(is_current(version) for version in shown)


def test_a_row_of_another_version_has_to_be_learned_again() -> None:
    rows = encode(learn(trace(1, [Line(0, "shop", "begins")], START_MS), []))
    with pytest.raises(FirstcauseError, match="learn it again"):
        decode({**rows, "shop": b"no such row"})
    assert decode({TOTALS: rows[TOTALS]}).traces == 1
