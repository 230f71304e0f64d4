"""Traces tie episodes by their whole ids, whoever tells of them and in whatever order."""

from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from firstcause.events.log_event import LogEvent
from log_analyzer.episodes import trace_links
from log_analyzer.episodes.trace_links import (
    ErrorCalls,
    TraceLinks,
    TraceSpan,
    packed,
    trace_key,
    trace_span,
    unpacked,
)

ONE, OTHER, THIRD = (uuid.UUID(int=n) for n in range(3))


def span(trace: str, own: str | None = None, parent: str | None = None) -> TraceSpan:
    event = LogEvent(
        str(uuid.uuid4()), 0, "x", "ERROR", "m", trace_id=trace, span_id=own, parent_span_id=parent
    )
    found = trace_span(event)
    assert found is not None
    return found


def test_ids_that_are_alike_in_one_half_are_different_traces() -> None:
    alike = [
        "0000000000000000736126b9d69c0887",
        "000000000000000018a061054245a229",
        "6b02b3c0000000009b5e259a2795a14c",
        "6b02b3c000000000932680ef7d1760ed",
        "f" * 64,
        "f" * 63 + "e",
    ]
    assert len({trace_key(one) for one in alike}) == len(alike)
    # 64 bits are the same id with and without the zeros in front.
    assert trace_key("736126b9d69c0887") == trace_key(alike[0])


def test_zeros_are_no_id() -> None:
    assert trace_key(None) is trace_key("") is trace_key("0") is trace_key("0" * 32) is None
    event = LogEvent(str(uuid.uuid4()), 0, "x", "ERROR", "m", trace_id="0" * 32, span_id="a")
    assert trace_span(event) is None
    calls = ErrorCalls()
    calls.add("order", [span("ab", "0" * 16, "0" * 16)])
    calls.add("payment", [span("ab", "0" * 16, "0" * 16)])
    assert not calls.calls


@given(st.lists(st.sampled_from([(ONE, "c", "b"), (OTHER, "b", "a"), (THIRD, "a", None)])))
def test_a_pattern_is_the_same_in_any_order_and_however_often_it_is_told(told) -> None:
    links = TraceLinks()
    for episode, own, parent in told:
        links.add(episode, unpacked(packed([span("ab12", own, parent)])))
        links.patterns  # noqa: B018 - what is asked in between changes nothing
    for episode, own, parent in ((THIRD, "a", None), (OTHER, "b", "a"), (ONE, "c", "b")):
        links.add(episode, [span("ab12", own, parent)])
    assert not links.add(ONE, [span("ab12", "c", "b")])
    [(pattern, count)] = links.patterns.items()
    assert count == 1
    assert pattern.episodes == {ONE, OTHER, THIRD}
    assert pattern.deepest == {ONE}


def test_of_very_many_traces_the_latest_are_kept_and_the_counts_stay(monkeypatch) -> None:
    monkeypatch.setattr(trace_links, "TRACES_KEPT", 3)
    links = TraceLinks()
    for number in range(1, 9):
        links.add(ONE, [span(f"{number:032x}")])
    assert list(links.patterns.values()) == [8]
    assert len(links._traces) == 3


def test_calls_are_read_off_the_parents_of_errors_in_any_order() -> None:
    ends = [("order", [span("ab", "a")]), ("payment", [span("ab", "b", "a")])]
    for order in (ends, ends[::-1]):
        calls = ErrorCalls()
        for service, spans in order:
            calls.add(service, spans)
        assert calls.calls == {("order", "payment")}


def test_of_very_many_calls_the_latest_are_kept(monkeypatch) -> None:
    monkeypatch.setattr(trace_links, "CALLS_KEPT", 2)
    calls = ErrorCalls()
    for number, callee in enumerate(("a", "b", "a", "c"), start=1):
        calls.add("web", [span(f"{number:x}", f"{number:016x}")])
        calls.add(callee, [span(f"{number:x}", f"{number + 90:016x}", f"{number:016x}")])
    assert calls.calls == {("web", "a"), ("web", "c")}
