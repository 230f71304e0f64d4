"""Events of one millisecond come in the order that is documented, however many there are."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from root_cause.traces.call_tree import Follows, Row, in_order
from root_cause.traces.event_key import END
from tests.unit.root_cause.small_traces import START_MS, Line, trace

EVENT = trace(1, [Line(0, "shop", "begins")], START_MS)[0]
KEYS = st.sampled_from("abcdef")


def row(ms: int, key: str, span: str, number: int) -> Row:
    return Row(ms, key, span, replace(EVENT, message=str(number)))


@st.composite
def traces(draw: st.DrawFn) -> list[Row]:
    told = draw(
        st.lists(
            st.tuples(st.integers(0, 1), KEYS, st.sampled_from(["one", "two", "three"])),
            min_size=1,
            max_size=120,
        )
    )
    return [row(ms, key, span, n) for n, (ms, key, span) in enumerate(sorted(told))]


def one_by_one(rows: list[Row], follows: Follows) -> list[Row]:
    """The same as it is said in words: the best of all that are left, again and again."""
    known = {before for before, _ in follows}
    ordered: list[Row] = []
    last: dict[str, str] = {}
    turns: dict[str, int] = {}
    left = list(rows)
    while left:
        here = ordered[-1].span if ordered else ""
        now = [one for one in left if one.ms == left[0].ms]
        best = max(
            now,
            key=lambda one: (
                one.span == here,
                turns.get(one.span, 0),
                follows.get((last.get(one.span, END), one.key), 0),
                -now.index(one),
            ),
        )
        left.remove(best)
        ordered.append(best)
        turns[best.span] = len(ordered)
        if best.key in known or best.span not in last:
            last[best.span] = best.key
    return ordered


@given(
    traces(),
    st.dictionaries(st.tuples(st.one_of(st.just(END), KEYS), KEYS), st.integers(1, 5), max_size=20),
)
def test_the_order_is_that_of_choosing_the_best_one_by_one(
    rows: list[Row], follows: dict[tuple[str, str], int]
) -> None:
    assert in_order(rows, Counter(follows)) == one_by_one(rows, follows)


class CountedLookups(dict[tuple[str, str], int]):
    lookups = 0

    def get(self, *arguments: object) -> int:  # type: ignore[override]
        self.lookups += 1
        return super().get(*arguments)  # type: ignore[arg-type, return-value]


def test_thousands_of_events_of_one_millisecond_are_not_compared_all_with_all() -> None:
    count = 2_000
    follows = CountedLookups({(f"k{n}", f"k{n + 1}"): 1 for n in range(count)})
    for spans in (1, 40, count):
        rows = [row(1, f"k{n}", f"span {n % spans}", n) for n in range(count)]
        follows.lookups = 0
        found = in_order(rows, follows)
        assert sorted(one.key for one in found) == sorted(one.key for one in rows)
        assert follows.lookups <= 40 * count
