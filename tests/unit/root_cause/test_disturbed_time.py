"""Errors that are always there disturb nothing; what is more than that does."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from root_cause.quiet_hours.disturbed_time import (
    LOUD_ERRORS,
    LOUD_SERVICES,
    MINUTE_MS,
    WINDOW_MINUTES,
    EpisodeErrors,
    disturbances_of_episodes,
)
from root_cause.quiet_hours.due_hours import HOUR_MS
from root_cause.quiet_hours.quiet_stretches import Disturbance, TimeRange, quiet_stretches

DAY_MINUTES = 24 * 60
EVERY_TEN_MINUTES = dict.fromkeys(range(0, DAY_MINUTES, 10), 1)


def errors(
    minutes: dict[int, int], service_name: str = "shop", *, fatal: bool = False
) -> EpisodeErrors:
    return EpisodeErrors(
        service_name,
        min(minutes) * MINUTE_MS,
        max(minutes) * MINUTE_MS + 5,
        minutes,
        fatal=fatal,
    )


def test_an_error_every_ten_minutes_leaves_every_hour_to_be_learned() -> None:
    for is_open in (True, False):
        assert (
            disturbances_of_episodes("incident", [errors(EVERY_TEN_MINUTES)], is_open=is_open) == []
        )


def test_a_burst_disturbs_for_as_long_as_it_lasts_though_noise_keeps_the_incident_open() -> None:
    [burst] = disturbances_of_episodes(
        "incident", [errors({**EVERY_TEN_MINUTES, 600: 6, 601: 9, 603: 1})], is_open=True
    )
    assert burst.end_ms is not None
    assert burst.start_ms <= 600 * MINUTE_MS
    assert burst.end_ms >= 603 * MINUTE_MS
    assert burst.end_ms - burst.start_ms < 2 * WINDOW_MINUTES * MINUTE_MS
    later = TimeRange(11 * HOUR_MS, 12 * HOUR_MS)
    assert quiet_stretches(later, [burst]) == [later]


def test_a_burst_up_to_the_last_error_of_an_open_incident_has_no_end_yet() -> None:
    found = [errors({**EVERY_TEN_MINUTES, DAY_MINUTES: LOUD_ERRORS})]
    [still] = disturbances_of_episodes("incident", found, is_open=True)
    assert still.end_ms is None
    [over] = disturbances_of_episodes("incident", found, is_open=False)
    assert over.end_ms is not None


def test_two_services_and_fatal_errors_are_loud_however_few_they_are() -> None:
    two = [errors({10: 1}, "shop"), errors({12: 1}, "cart")]
    assert disturbances_of_episodes("incident", two, is_open=False) == [
        Disturbance("incident", 10 * MINUTE_MS, 13 * MINUTE_MS - 1)
    ]
    far = [errors({10: 1}, "shop"), errors({10 + WINDOW_MINUTES: 1}, "cart")]
    assert disturbances_of_episodes("incident", far, is_open=False) == []
    assert disturbances_of_episodes(
        "incident", [errors({1: 1, 40: 1}, fatal=True)], is_open=False
    ) == [Disturbance("incident", MINUTE_MS, 40 * MINUTE_MS + 5)]


def test_where_counts_are_unknown_all_of_it_disturbs() -> None:
    unknown = EpisodeErrors("shop", 5, 900_000, {}, fatal=False)
    assert disturbances_of_episodes("incident", [unknown], is_open=False) == [
        Disturbance("incident", 5, 900_000)
    ]
    # Only the latest minutes are counted one by one.
    partly = EpisodeErrors("shop", 5, 100 * MINUTE_MS, {60: 1, 100: 1}, fatal=False)
    assert disturbances_of_episodes("incident", [partly], is_open=True) == [
        Disturbance("incident", 5, 60 * MINUTE_MS - 1)
    ]


COUNTS = st.dictionaries(st.integers(0, 90), st.integers(1, 6), min_size=1, max_size=12)


@given(st.lists(st.tuples(st.sampled_from(["shop", "cart"]), COUNTS), min_size=1, max_size=3))
def test_every_loud_window_is_within_a_disturbance_and_no_quiet_error_is(
    parts: list[tuple[str, dict[int, int]]],
) -> None:
    episodes = [errors(minutes, name) for name, minutes in parts]
    found = disturbances_of_episodes("incident", episodes, is_open=False)
    heard = sorted({minute for _, minutes in parts for minute in minutes})
    loud: set[int] = set()
    for first in heard:
        window = range(first, first + WINDOW_MINUTES)
        inside = [(name, count) for name, own in parts for at, count in own.items() if at in window]
        if (
            sum(count for _, count in inside) >= LOUD_ERRORS
            or len({name for name, _ in inside}) >= LOUD_SERVICES
        ):
            loud |= set(window) & set(heard)
    for minute in heard:
        within = any(
            one.start_ms <= minute * MINUTE_MS and (minute + 1) * MINUTE_MS - 1 <= (one.end_ms or 0)
            for one in found
        )
        # Between two loud windows that overlap there is nothing that is quiet.
        assert within == (minute in loud)
