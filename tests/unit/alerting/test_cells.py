"""Running sums: whatever the order and the grouping, the same events make the same measures."""

from __future__ import annotations

import random
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.cells.cell import CellKey, Measures, added_up, with_all_services
from alerting.cells.distinct import KEPT_HASHES, NO_HASHES, distinct_count, sketch_of, united
from alerting.cells.windowing import minutes_around, starts_of, windows_with
from alerting.measures.sketch import bucket_of
from alerting.windows import ALL_SERVICES, MINUTE_MS, WindowKind

HASHES = st.integers(-(2**63), 2**63 - 1)
EVENTS = st.lists(
    st.tuples(
        st.sampled_from(["INFO", "ERROR"]),
        st.one_of(st.none(), st.integers(0, 10**9)),
        st.integers(0, 30),
    ),
    min_size=1,
    max_size=40,
)


def measures_of(events: list[tuple[str, int | None, int]]) -> Measures:
    latencies = [micros / 1000 for _, micros, _ in events if micros is not None]
    return Measures(
        events=len(events),
        levels=dict(Counter(level for level, _, _ in events)),
        status_classes={},
        latency_sum_ns=sum(micros * 1000 for _, micros, _ in events if micros is not None),
        latency_min_ms=min(latencies, default=None),
        latency_max_ms=max(latencies, default=None),
        unmeasured=0,
        buckets=dict(Counter(map(bucket_of, latencies))),
        users=sketch_of([user for *_, user in events]),
    )


@given(EVENTS, st.randoms(use_true_random=False), st.integers(1, 5))
def test_parts_of_events_in_any_order_add_up_to_all_of_them(
    events: list[tuple[str, int | None, int]], rng: random.Random, count: int
) -> None:
    shuffled = rng.sample(events, len(events))
    parts = [part for turn in range(count) if (part := shuffled[turn::count])]
    assert added_up([measures_of(part) for part in parts]) == measures_of(events)


@given(st.lists(st.lists(HASHES, max_size=30), max_size=5))
def test_few_values_are_counted_exactly(sets: list[list[int]]) -> None:
    together = united([sketch_of(one) for one in sets])
    assert together == sketch_of([value for one in sets for value in one])
    assert distinct_count(together) == len({value for one in sets for value in one})


def test_many_values_are_estimated_and_the_sketch_stays_small() -> None:
    rng = random.Random(3)
    hashes = [rng.getrandbits(64) - 2**63 for _ in range(200_000)]
    parts = [sketch_of(hashes[turn::7]) for turn in range(7)]
    whole = united(parts)
    assert whole == sketch_of(hashes)
    assert len(whole) == 8 * KEPT_HASHES
    # Four standard errors.
    assert distinct_count(whole) == pytest.approx(200_000, rel=0.064)
    assert distinct_count(NO_HASHES) == 0


@given(st.integers(0, 10**6))
def test_a_minute_is_in_the_windows_that_hold_it(number: int) -> None:
    minute = number * MINUTE_MS
    for kind in WindowKind:
        starts = list(starts_of(kind, minute))
        assert len(starts) == kind.length_ms // kind.step_ms
        for start in starts:
            assert start % kind.step_ms == 0
            assert start <= minute < start + kind.length_ms
            assert set(range(start, start + kind.length_ms, MINUTE_MS)) <= set(
                minutes_around([minute])
            )


def test_windows_are_sums_of_their_minutes_and_empty_ones_are_none() -> None:
    one = measures_of([("ERROR", 1000, 1)])
    cells: dict[CellKey, Measures] = {
        ("cart", 10 * MINUTE_MS): one,
        ("cart", 12 * MINUTE_MS): one,
        ("order", 12 * MINUTE_MS): one,
    }
    everything = with_all_services(cells)
    windows = {
        (row.service_name, row.kind, row.start_ms // MINUTE_MS): row.events
        for row in windows_with([("cart", 12 * MINUTE_MS)], everything)
    }
    assert windows == {
        ("cart", WindowKind.MINUTE, 12): 1,
        ("cart", WindowKind.FIVE_MINUTES, 10): 2,
        **{("cart", WindowKind.SLIDING_FIVE_MINUTES, start): 2 for start in (8, 9, 10)},
        **{("cart", WindowKind.SLIDING_FIVE_MINUTES, start): 1 for start in (11, 12)},
    }
    [over_all] = [
        row
        for row in windows_with([(ALL_SERVICES, 12 * MINUTE_MS)], everything)
        if row.kind is WindowKind.MINUTE
    ]
    assert (over_all.events, over_all.users) == (2, 1)
