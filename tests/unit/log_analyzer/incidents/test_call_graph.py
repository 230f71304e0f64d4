from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from log_analyzer.incidents.call_graph import CallGraph

SHOP = CallGraph(
    [("gateway", "order"), ("order", "payment"), ("order", "stock"), ("cart", "stock")]
)


def test_knows_the_callees_of_a_service() -> None:
    assert SHOP.callees_of("order") == {"payment", "stock"}
    assert SHOP.callees_of("stock") == SHOP.callees_of("unheard") == frozenset()


def test_a_call_to_itself_is_no_call() -> None:
    assert CallGraph([("a", "a")]).calls == frozenset()


def test_more_calls_make_a_new_graph_and_leave_the_old() -> None:
    more = SHOP.with_calls([("payment", "bank")])
    assert more.callees_of("payment") == {"bank"}
    assert more.calls > SHOP.calls
    assert SHOP.callees_of("payment") == frozenset()


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("abcde"))))
def test_calls_and_callees_say_the_same(calls: list[tuple[str, str]]) -> None:
    graph = CallGraph(calls)
    for one in "abcde":
        for other in "abcde":
            assert (other in graph.callees_of(one)) == ((one, other) in graph.calls)
