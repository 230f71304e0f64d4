"""Which normal is in force: the one that was composed last, whatever clocks say."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from firstcause.normal.composed_normal_store import NormalVersion, later_than_all

moments = st.integers(0, 10_000)


@given(st.lists(moments, max_size=4), moments)
def test_what_is_composed_last_is_the_newest_also_where_a_clock_is_behind(
    before_ms: list[int], now_ms: int
) -> None:
    versions = [NormalVersion(str(at_ms), at_ms, (), 0, 0, 1) for at_ms in before_ms]
    found_ms = later_than_all(versions, now_ms)
    assert found_ms >= now_ms
    assert all(found_ms > at_ms for at_ms in before_ms)
    assert found_ms == now_ms or found_ms - 1 in before_ms
