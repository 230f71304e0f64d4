"""Spans as a person reads them: each once, below its caller."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from firstcause.events.span import Span
from firstcause.events.span_tree import in_tree_order


def span(name: str, parent: str | None, start: int) -> Span:
    return Span("ab", name, parent, "shop", "GET /", start, 5)


def test_callees_stand_below_their_callers_by_start() -> None:
    spans = [
        span("d", "b", 4),
        span("a", None, 1),
        span("c", "a", 3),
        span("b", "a", 2),
        span("x", "gone", 9),
    ]
    shown = [(depth, one.span_id) for depth, one in in_tree_order(spans)]
    assert shown == [(0, "a"), (1, "b"), (2, "d"), (1, "c"), (0, "x")]


NAMES = st.sampled_from("abcdef")


@given(st.lists(st.builds(span, NAMES, NAMES | st.none(), st.integers(0, 9))))
def test_each_span_is_shown_once_whatever_they_say_of_each_other(spans: list[Span]) -> None:
    shown = in_tree_order(spans)
    assert sorted(map(repr, spans)) == sorted(repr(one) for _, one in shown)
    assert shown == in_tree_order(reversed(spans))


def test_a_trace_may_be_deep() -> None:
    chain = [span(f"{at:x}", None if at == 0 else f"{at - 1:x}", at) for at in range(5_000)]
    assert in_tree_order(chain)[-1][0] == 4_999
