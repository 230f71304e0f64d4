"""What fault-free time shows against itself is no evidence: the bound rises above it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from firstcause.events.log_event import LogEvent
from root_cause.normal.codec import decode, encode
from root_cause.normal.learned_counts import Normal, decayed, merge
from root_cause.normal.learner import learn
from root_cause.quiet_hours.own_noise import LEAST_TRACES, learn_with_noise, own_noise
from root_cause.ranking.ranker import CONFIDENT_FROM, HUNDREDTHS, noise_of, rank
from tests.unit.root_cause.small_traces import START_MS, Line, traffic

CALL = (
    Line(0, "shop", "order begins"),
    Line(5, "cart", "reads"),
    Line(5, "cart", "has read"),
    Line(5, "shop", "order is done"),
)
WITHOUT_CART = (CALL[0], Line(5, "shop", "cart did not answer", "ERROR"))


def healthy(number: int, dice: random.Random) -> Sequence[Line]:
    return CALL


def failing(number: int, dice: random.Random) -> Sequence[Line]:
    return CALL if number % 3 == 0 else WITHOUT_CART


def varied(number: int, dice: random.Random) -> Sequence[Line]:
    """Calls that fail for the whole of the second half."""
    return CALL if number < 100 else failing(number, dice)


def window() -> list[LogEvent]:
    begin_ms = START_MS + 3_600_000
    calm = traffic(healthy, 60, first=5_000, at_ms=begin_ms)
    return calm + traffic(failing, 120, first=6_000, at_ms=begin_ms + 60_000)


def test_time_that_is_all_the_same_has_no_noise() -> None:
    noise = own_noise(traffic(healthy, 200), [])
    assert noise.total() == 2
    assert noise_of(Normal(noise=noise)) < CONFIDENT_FROM / 2


def test_a_normal_of_a_few_requests_is_taken_for_a_loud_one() -> None:
    few, many = (learn_with_noise(traffic(healthy, n), []) for n in (2 * LEAST_TRACES - 1, 200))
    assert noise_of(few) > CONFIDENT_FROM > noise_of(many)


def test_a_service_is_named_only_above_what_normal_shows_against_itself() -> None:
    normal = learn(traffic(healthy, 200), [])
    assert rank(window(), [], normal).culprit == "cart"
    noise = own_noise(traffic(varied, 200), [])
    ranking = rank(window(), [], replace(normal, noise=noise))
    assert ranking.named_from == noise_of(Normal(noise=noise)) > CONFIDENT_FROM
    first = ranking.suspects[0]
    assert first.service_name == "cart"
    louder = Counter({round(HUNDREDTHS * first.score) + 1: 1})
    assert rank(window(), [], replace(normal, noise=louder)).inconclusive


@given(st.lists(st.integers(0, 900), max_size=200))
def test_at_most_one_in_fifty_stretches_is_above_the_noise(scores: list[int]) -> None:
    bound = noise_of(Normal(noise=Counter(scores)))
    assert sum(score / HUNDREDTHS > bound for score in scores) <= len(scores) / 50
    assert bound <= max(scores, default=0) / HUNDREDTHS * (1 + 1 / (len(scores) + 1))


def test_the_less_was_measured_the_higher_is_the_bound_above_it() -> None:
    bounds = [noise_of(Normal(noise=Counter({200: n}))) for n in (1, 2, 20)]
    assert bounds == sorted(bounds, reverse=True)
    assert 2.0 < bounds[-1] < 2.1


def test_noise_is_kept_merged_and_stored_with_normal() -> None:
    one = learn_with_noise(traffic(healthy, 200), [])
    other = Normal(noise=Counter({130: 2}))
    both = merge((one, other))
    assert both.noise == one.noise + other.noise
    assert decayed(both, 0.1).noise == both.noise
    assert decode(encode(both)).noise == both.noise
