"""Rows of window metrics add up exactly, and their percentiles are within 1 % of the truth."""

from __future__ import annotations

from collections import Counter

import pytest
from ddsketch import DDSketch
from hypothesis import given
from hypothesis import strategies as st

from alerting.measures.sketch import RELATIVE_ACCURACY, bucket_of
from alerting.windows import MINUTE_MS, WindowKind, WindowMetrics, added_up

LEVELS = st.sampled_from(["INFO", "WARN", "ERROR", "FATAL"])
LATENCIES = st.one_of(st.just(0.0), st.floats(0.01, 1e6))
EVENTS = st.lists(st.tuples(st.integers(0, 4), LEVELS, LATENCIES), min_size=1, max_size=60)


def row(minute: int, events: list[tuple[str, float]], minutes: int = 1) -> WindowMetrics:
    latencies = [latency for _, latency in events]
    return WindowMetrics(
        service_name="cart",
        kind=WindowKind.MINUTE if minutes == 1 else WindowKind.FIVE_MINUTES,
        start_ms=minute * MINUTE_MS,
        end_ms=(minute + minutes) * MINUTE_MS,
        events=len(events),
        levels=Counter(level for level, _ in events),
        latency_sum_ms=sum(latencies),
        latency_min_ms=min(latencies, default=None),
        latency_max_ms=max(latencies, default=None),
        buckets=Counter(bucket_of(latency) for latency in latencies),
    )


@given(EVENTS, st.randoms(use_true_random=False))
def test_the_rows_of_five_minutes_add_up_to_the_row_of_all_their_events(events, random) -> None:
    minutes = [
        row(minute, [(level, latency) for at, level, latency in events if at == minute])
        for minute in range(5)
    ]
    random.shuffle(minutes)
    total = added_up(minutes, kind=WindowKind.FIVE_MINUTES, start_ms=0, end_ms=5 * MINUTE_MS)
    whole = row(0, [(level, latency) for _, level, latency in events], minutes=5)
    assert (total.events, total.levels, total.buckets) == (
        whole.events,
        whole.levels,
        whole.buckets,
    )
    assert (total.latency_min_ms, total.latency_max_ms) == (
        whole.latency_min_ms,
        whole.latency_max_ms,
    )
    assert total.latency_sum_ms == pytest.approx(whole.latency_sum_ms)
    assert total.errors == sum(level in {"ERROR", "FATAL"} for _, level, _ in events)


@given(st.lists(LATENCIES, min_size=1, max_size=200), st.sampled_from([0, 50, 95, 99, 100]))
def test_a_percentile_is_that_of_the_oracle_and_near_the_truth(latencies, percent) -> None:
    oracle = DDSketch(RELATIVE_ACCURACY)
    for latency in latencies:
        oracle.add(latency)
    found = row(0, [("INFO", latency) for latency in latencies]).percentile_ms(percent)
    true = sorted(latencies)[int(percent / 100 * (len(latencies) - 1))]
    assert found == pytest.approx(true, rel=RELATIVE_ACCURACY + 1e-9)
    # The two differ by a bucket at most, where a value lies on its edge.
    assert found == pytest.approx(oracle.get_quantile_value(percent / 100), rel=0.021)


@given(st.lists(LATENCIES, max_size=100), st.floats(1, 10_000))
def test_slow_events_are_counted_but_for_those_within_the_accuracy(latencies, bound) -> None:
    found = row(0, [("INFO", latency) for latency in latencies]).slower_than(bound)
    surely = sum(latency > bound * 1.0101 for latency in latencies)
    perhaps = sum(latency > bound * 0.9899 for latency in latencies)
    assert surely <= found <= perhaps


def test_what_was_not_measured_is_not_known() -> None:
    silent = row(0, [])
    assert silent.percentile_ms(95) is None
    assert silent.error_rate is None
    assert silent.latency_mean_ms is None


def test_different_users_of_several_rows_are_not_known() -> None:
    first, second = (
        WindowMetrics("cart", WindowKind.MINUTE, at, at + MINUTE_MS, users=3)
        for at in (0, MINUTE_MS)
    )
    assert added_up([first], kind=WindowKind.MINUTE, start_ms=0, end_ms=MINUTE_MS).users == 3
    both = added_up([first, second], kind=WindowKind.FIVE_MINUTES, start_ms=0, end_ms=300_000)
    assert both.users is None


def test_rows_of_two_services_do_not_add_up() -> None:
    rows = [WindowMetrics(name, WindowKind.MINUTE, 0, MINUTE_MS) for name in ("cart", "order")]
    with pytest.raises(ValueError, match="cart"):
        added_up(rows, kind=WindowKind.MINUTE, start_ms=0, end_ms=MINUTE_MS)
