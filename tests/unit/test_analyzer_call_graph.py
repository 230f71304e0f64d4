from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from log_analyzer.call_graph import CallGraph

SHOP = CallGraph(
    [("gateway", "order"), ("order", "payment"), ("order", "stock"), ("cart", "stock")]
)


def test_knows_callers_and_callees_of_a_service() -> None:
    assert SHOP.callees_of("order") == {"payment", "stock"}
    assert SHOP.callers_of("stock") == {"order", "cart"}
    assert SHOP.callers_of("gateway") == SHOP.callees_of("unheard") == frozenset()


def test_related_are_neighbours_only_in_either_direction() -> None:
    assert SHOP.related("order", "payment")
    assert SHOP.related("payment", "order")
    assert SHOP.related("payment", "payment")
    assert not SHOP.related("gateway", "payment")
    assert not SHOP.related("payment", "stock")


def test_a_call_to_itself_is_no_call() -> None:
    assert CallGraph([("a", "a")]).calls == frozenset()


def test_more_calls_make_a_new_graph_and_leave_the_old() -> None:
    more = SHOP.with_calls([("payment", "bank")])
    assert more.callees_of("payment") == {"bank"}
    assert more.calls > SHOP.calls
    assert SHOP.callees_of("payment") == frozenset()


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcde"))))
def test_callers_and_callees_say_the_same(calls: list[tuple[str, str]]) -> None:
    graph = CallGraph(calls)
    for one in "abcde":
        for other in "abcde":
            assert (other in graph.callees_of(one)) == (one in graph.callers_of(other))
            assert graph.related(one, other) == graph.related(other, one)
