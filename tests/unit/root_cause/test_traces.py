"""The small parts below the ranking: keys, histograms, durations, clocks."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firstcause.events.log_event import LogEvent
from firstcause.events.span import Span
from root_cause.traces.clocks import clock_offsets, on_one_clock
from root_cause.traces.durations import Stretch, durations_of, spans_of_logs
from root_cause.traces.event_key import event_key, is_error_key, service_of, template
from root_cause.traces.histogram import add_times, merged, quantile_ms, share_above
from tests.unit.root_cause.small_traces import START_MS, Line, spans_of_call, trace

TIMES = st.lists(st.floats(0, 1e7, allow_nan=False), min_size=1, max_size=50)


def event(message: str, level: str = "INFO", **fields: object) -> LogEvent:
    base = trace(1, [Line(0, "shop", message, level)], START_MS)[0]
    return replace(base, **fields)  # type: ignore[arg-type]


def test_values_are_no_part_of_a_key() -> None:
    assert event_key(event("order 17 of 3 lines")) == event_key(event("order 9 of 21 lines"))
    assert event_key(event("stations: [a, b]")) == event_key(event("stations: [c]"))
    assert event_key(event("order begins")) != event_key(event("order ends"))


def test_the_line_of_code_is_the_key_where_a_source_tells_it() -> None:
    at_17 = {"logger": "Orders", "attributes": {"line": "17"}}
    assert event_key(event("one", **at_17)) == event_key(event("two", **at_17))
    failed = event_key(event("no stock", "ERROR", **at_17))
    assert failed != event_key(event("no money", "ERROR", **at_17))
    assert is_error_key(failed)
    assert service_of(failed) == "shop"


@given(TIMES, TIMES)
def test_histograms_merge_and_keep_quantiles_near(one: list[float], two: list[float]) -> None:
    left: dict[int, int] = {}
    right: dict[int, int] = {}
    both: dict[int, int] = {}
    add_times(left, one)
    add_times(right, two)
    add_times(both, one + two)
    assert merged([left, right]) == both
    times = sorted(one + two)
    quarter = times[max(0, -(-3 * len(times) // 4) - 1)]
    assert quantile_ms(both, 0.75) <= (quarter + 1) * 1.1
    assert quantile_ms(both, 0.75) + 1 >= quarter * 0.99
    assert share_above(both, max(times)) == 0.0


def test_a_call_is_split_into_the_way_and_the_work() -> None:
    spans = spans_of_call(1, START_MS, caller="shop", callee="cart", way_ms=40, work_ms=7)
    found = {(one.key.stretch, one.key.one): one.ms for one in durations_of(spans)}
    assert found == {
        (Stretch.SELF, "shop"): 5.0,
        (Stretch.NET, "shop"): 40.0,
        (Stretch.SELF, "cart"): 7.0,
    }


def test_a_sibling_within_a_sibling_is_its_child() -> None:
    spans = spans_of_call(1, START_MS, caller="shop", callee="cart", way_ms=40, work_ms=7)
    handler = Span(spans[0].trace_id, "h", "a", "shop", "handler", spans[1].start_ns, 48_000)
    found = {one.key.operation: one.ms for one in durations_of([*spans, handler])}
    assert found["handler"] == 1.0


def test_logs_with_a_latency_are_spans_as_well() -> None:
    events = [event("done", latency_ms=30.0), event("begun")]
    (span,) = spans_of_logs(events)
    assert (span.service_name, span.duration_us) == ("shop", 30_000)


def test_a_few_calls_that_outlive_their_caller_do_not_move_a_clock() -> None:
    """A queue's consumer may begin when its producer is done, and mostly does before."""
    spans = []
    for number, (begins_ms, takes_ms) in enumerate([(99, 10), (103, 10), (107, 10)]):
        caller = Span(f"{number:032x}", "a", None, "shop", "sell", 0, (begins_ms + 11) * 1000)
        spans += [caller, _callee(caller, begins_ms, takes_ms)]
    for number in (3, 4):
        caller = Span(f"{number:032x}", "a", None, "shop", "sell", 0, 110_000)
        spans += [caller, _callee(caller, 110, 110)]
    assert clock_offsets(spans) == {}


def _callee(caller: Span, begins_ms: int, takes_ms: int) -> Span:
    return Span(caller.trace_id, "b", "a", "cart", "pack", begins_ms * 1_000_000, takes_ms * 1000)


@given(st.integers(-5_000, 5_000))
def test_a_clock_that_is_off_is_set_right(off_ms: int) -> None:
    spans = [
        replace(span, start_ns=span.start_ns + (span.service_name == "cart") * off_ms * 1_000_000)
        for number in range(9)
        for span in spans_of_call(
            number, START_MS, caller="shop", callee="cart", way_ms=4, work_ms=20
        )
    ]
    offsets = clock_offsets(spans)
    difference = offsets.get("cart", 0) - offsets.get("shop", 0)
    assert abs(difference - off_ms) <= 4
    assert on_one_clock([event("begins")], {"shop": 9})[0].timestamp_ms == START_MS - 9


def test_clocks_that_agree_are_left_alone() -> None:
    spans = []
    for number in range(9):
        caller, client, callee = spans_of_call(
            number, START_MS, caller="shop", callee="cart", way_ms=4, work_ms=20
        )
        spans += [caller, client, replace(callee, start_ns=callee.start_ns + 1_000_000)]
    assert clock_offsets(spans) == {}


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Session opened for Maria Ford from 10.0.0.7", "Session opened for <*> from <*>"),
        ("New customer Bernard Marie-Huet from Costenec", "New customer <*> from <*>"),
        ("Rebecca Trujillo gets a push message", "<*> gets a push message"),
        ("Finished GET /orders with 200 after 3 ms", "Finished GET /orders with <*> after <*> ms"),
        ("calling OrderService now", "calling OrderService now"),
        ("Payment 7 failed", "Payment <*> failed"),
    ],
)
def test_names_are_no_part_of_a_template_and_names_of_code_are(message: str, expected: str) -> None:
    assert template(message, is_error=False) == expected
    assert template(message, is_error=True) == expected


def test_what_an_error_says_behind_a_number_stays() -> None:
    said = "carrier answered 500 Internal Server Error"
    assert template(said, is_error=True) == "carrier answered <*> Internal Server Error"
