"""Clocks that disagree, as logs alone tell them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from firstcause.events.log_event import LogEvent
from root_cause.evidence.clock_shifts import clock_shifts
from root_cause.normal.learner import by_trace, learn
from root_cause.traces.log_clocks import log_clock_offsets
from tests.unit.root_cause.small_traces import START_MS, Line, traffic

OFFSETS = st.integers(-400, 400)


def nested(_: int, dice: random.Random) -> list[Line]:
    """web asks shop, which asks cart; each says something before and after."""
    return [
        Line(0, "web", "request"),
        Line(dice.randint(0, 3), "shop", "order begins"),
        Line(dice.randint(0, 3), "cart", "reads the cart"),
        Line(dice.randint(5, 60), "cart", "has the cart"),
        Line(dice.randint(0, 3), "shop", "order is done"),
        Line(dice.randint(0, 3), "web", "answered"),
    ]


def moved(events: Sequence[LogEvent], off_ms: dict[str, int]) -> list[LogEvent]:
    return [
        replace(event, timestamp_ms=event.timestamp_ms + off_ms[event.service_name])
        for event in events
    ]


def traces_of(events: Sequence[LogEvent]) -> list[list[LogEvent]]:
    return list(by_trace(events)[0].values())


@settings(max_examples=25, deadline=None)
@given(OFFSETS, OFFSETS)
def test_offsets_are_told_from_where_a_callees_lines_fit(shop_ms: int, cart_ms: int) -> None:
    # Two that moved as one agree.
    assume(min(abs(shop_ms), abs(cart_ms), abs(cart_ms - shop_ms)) > 80)
    events = moved(traffic(nested, 80), {"web": 0, "shop": shop_ms, "cart": cart_ms})
    offsets = log_clock_offsets(traces_of(events))
    assert abs(offsets["shop"] - offsets["web"] - shop_ms) <= 6
    assert abs(offsets["cart"] - offsets["shop"] - (cart_ms - shop_ms)) <= 6


def test_clocks_that_agree_are_left_alone() -> None:
    events = traffic(nested, 80)
    assert log_clock_offsets(traces_of(events)) == {}
    later = traffic(nested, 40, first=900, at_ms=START_MS + 3_600_000)
    assert clock_shifts(traces_of(later), learn(events, [])) == {}


@settings(max_examples=25, deadline=None)
@given(OFFSETS.filter(lambda ms: abs(ms) > 20))
def test_shifts_since_normal_was_learned_are_told(shop_ms: int) -> None:
    """Of shop, which both web and cart speak with: all distances have changed."""
    normal = learn(traffic(nested, 80), [])
    later = traffic(nested, 40, first=900, at_ms=START_MS + 3_600_000)
    shifts = clock_shifts(traces_of(moved(later, {"web": 0, "shop": shop_ms, "cart": 0})), normal)
    assert abs(shifts["shop"] - shifts["web"] - shop_ms) <= 6
    assert abs(shifts["cart"] - shifts["web"]) <= 6


def test_a_slow_callee_is_no_moved_clock() -> None:
    def slow(number: int, dice: random.Random) -> list[Line]:
        lines = nested(number, dice)
        return [replace(one, after_ms=700) if "reads" in one.message else one for one in lines]

    later = traffic(slow, 40, first=900, at_ms=START_MS + 3_600_000)
    assert clock_shifts(traces_of(later), learn(traffic(nested, 80), [])) == {}
