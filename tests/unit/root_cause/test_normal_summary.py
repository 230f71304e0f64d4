"""What people read of a normal: shares add up, and nothing is there that was not learned."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from root_cause.explanation.normal_summary import summary_of
from root_cause.normal.learner import learn
from root_cause.ranking.ranker import CONFIDENT_FROM
from tests.unit.root_cause.small_traces import START_MS, Line, spans_of_call, traffic

BUY = [Line(0, "shop", "begins"), Line(5, "cart", "reads"), Line(5, "shop", "is done")]
FAIL = [Line(0, "shop", "begins"), Line(5, "cart", "cannot read", "ERROR")]

EVENTS = traffic(lambda number, dice: FAIL if number % 4 == 0 else BUY, 200)
SPANS = [
    span
    for number in range(1, 101)
    for span in spans_of_call(
        number, START_MS + number, caller="shop", callee="cart", way_ms=8, work_ms=20
    )
]
NORMAL = learn(EVENTS, SPANS)


def test_what_follows_what_with_shares() -> None:
    summary = summary_of(NORMAL, "shop", 10)
    assert summary is not None
    of_begins = {
        one.after: (one.share, one.cases) for one in summary.followings if "begins" in one.event
    }
    assert of_begins == {
        "`reads` in cart": (0.75, 200),
        "ERROR `cannot read` in cart": (0.25, 200),
    }
    assert [one.per_100_traces for one in summary.rates] == [100.0, 75.0]


def test_events_without_a_trace_are_in_none() -> None:
    untraced = learn([replace(event, trace_id=None) for event in EVENTS[:4]], [])
    summary = summary_of(untraced, "shop", 1)
    assert summary is not None
    assert untraced.traces == 0
    assert summary.rates[0].count > 0
    assert summary.rates[0].per_100_traces is None


def test_how_long_it_takes_and_which_errors_are_usual() -> None:
    summary = summary_of(NORMAL, "cart", 10)
    assert summary is not None
    [way] = [one for one in summary.times if one.what.startswith("the way from shop to cart")]
    assert way.cases == 100
    assert 8 <= way.median_ms <= way.p95_ms < 9.2
    [error] = summary.errors
    assert (error.event, error.traces, error.share) == ("ERROR `cannot read` in cart", 50, 0.25)


def test_the_bound_of_naming_rises_with_noise() -> None:
    bounds = [
        summary.named_from
        for noise in (Counter[int](), Counter({20: 2}), Counter({240: 2}))
        if (summary := summary_of(replace(NORMAL, noise=noise), "shop", 1)) is not None
    ]
    assert bounds == [CONFIDENT_FROM, CONFIDENT_FROM, pytest.approx(3.2)]


def test_the_most_frequent_come_first_and_no_more_than_asked_for() -> None:
    summary = summary_of(NORMAL, "shop", 1)
    assert summary is not None
    assert len(summary.rates) == len(summary.followings) == len(summary.times) == 1
    assert summary.rates[0].count == 200
    assert summary_of(NORMAL, "nobody", 10) is None
