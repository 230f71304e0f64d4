"""Which normal is in force: the one that was composed last, whatever clocks say."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from firstcause.normal.composed_normal_store import NormalVersion, later_than_all
from firstcause.normal.row_partitions import PARTITIONS, partition_of, partitions_of

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


def test_rows_of_a_thousand_services_are_spread_and_each_is_found_again() -> None:
    names = [f"team{number // 26}-{chr(97 + number % 26)}" for number in range(1_000)]
    held = Counter(partition_of("weekday-09", name) for name in names)
    assert held.keys() <= set(partitions_of("weekday-09"))
    assert max(held.values()) < 2 * len(names) / PARTITIONS
