"""No fault, no culprit: what happens in healthy systems and once made large scores."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from firstcause.events.log_event import LogEvent
from root_cause.normal.learner import learn
from root_cause.ranking.ranker import rank
from tests.unit.root_cause.small_traces import START_MS, Line, trace, traffic

LATER_MS = START_MS + 3_600_000
SERVICES = [f"s{number}" for number in range(12)]
SHAPES = [
    ("s0", "s1", "s2"),
    ("s0", "s3", "s4", "s5"),
    ("s0", "s6", "s2"),
    ("s0", "s7", "s8", "s9"),
    ("s0", "s10"),
    ("s0", "s11", "s5", "s2"),
]


def healthy(median_ms: float, sigma: float):
    """Requests of six kinds; gaps between lines are lognormal, as they are everywhere."""

    def lines(_: int, dice: random.Random) -> list[Line]:
        def gap() -> int:
            return round(median_ms * dice.lognormvariate(0, sigma))

        shape = dice.choice(SHAPES)
        down = [
            line for one in shape for line in (Line(gap(), one, "begins"), Line(gap(), one, "asks"))
        ]
        return [*down, *(Line(gap(), one, "ends") for one in reversed(shape))]

    return lines


@pytest.mark.parametrize(
    ("median_ms", "sigma", "before", "now"),
    [(8, 0.5, 240, 80), (1_000, 0.5, 240, 80), (1_000, 1.0, 240, 80), (1_000, 1.0, 64, 32)],
)
def test_a_healthy_system_names_nobody(
    median_ms: float, sigma: float, before: int, now: int
) -> None:
    lines = healthy(median_ms, sigma)
    for seed in range(6):
        normal = learn(traffic(lines, before, first=1 + 10_000 * seed), [])
        window = traffic(lines, now, first=5_000 + 10_000 * seed, at_ms=LATER_MS, every_ms=2_000)
        assert rank(window, [], normal).inconclusive, seed
        assert rank(window, [], None).inconclusive, seed


def quiet() -> tuple[list[LogEvent], list[LogEvent]]:
    lines = healthy(8, 0.5)
    return traffic(lines, 240), traffic(lines, 60, first=5_000, at_ms=LATER_MS, every_ms=2_000)


def _named(window: Sequence[LogEvent], usual: Sequence[LogEvent]) -> str | None:
    return rank(window, [], learn(usual, [])).culprit


def test_one_request_that_polls_or_loops_names_nobody() -> None:
    usual, window = quiet()
    for gap_ms in (5, 900):
        loop = [Line(gap_ms, "s3", text) for _ in range(500) for text in ("begins", "asks")]
        runaway = trace(9_000, [Line(0, "s0", "begins"), *loop], LATER_MS + 60_000)
        assert _named([*window, *runaway], usual) is None


def test_debug_switched_on_or_off_changes_nothing() -> None:
    def with_debug(events: Sequence[LogEvent]) -> list[LogEvent]:
        more = [
            replace(event, log_id=f"{index:032x}", level="DEBUG", message="detail")
            for index, event in enumerate(events)
            if event.service_name == "s2"
        ]
        return [*events, *more]

    usual, window = quiet()
    as_it_is = rank(window, [], learn(usual, []))
    assert rank(with_debug(window), [], learn(usual, [])) == as_it_is
    assert rank(window, [], learn(with_debug(usual), [])) == as_it_is


def test_a_flood_of_lines_without_a_request_names_nobody() -> None:
    usual, window = quiet()
    flood = [
        LogEvent(f"{index:032x}", LATER_MS + 60_000 + index * 10, "s4", "INFO", f"tick {index}")
        for index in range(3_000)
    ]
    assert _named([*window, *flood], usual) is None


def test_requests_in_flight_at_the_window_s_end_name_nobody() -> None:
    usual, window = quiet()
    last_ms = max(event.timestamp_ms for event in window)
    cut = [event for event in window if event.timestamp_ms < last_ms - 40]
    assert _named(cut, usual) is None
