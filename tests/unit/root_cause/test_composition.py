"""The normal in force: newer counts more, deployments and unusual hours are told from the data."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from hypothesis import given, settings
from hypothesis import strategies as st

from root_cause.normal.codec import TOTALS, decode, encode
from root_cause.normal.composition import (
    MOST_HOURS_OF_SLOT,
    MOST_WEEKS,
    WHOLE,
    LearnedHour,
    chosen,
    compose,
    own_slots,
    slot_of,
)
from root_cause.normal.deployment import ENOUGH_EVENTS, first_of_version, replaced
from root_cause.normal.learned_counts import Normal, merge
from root_cause.normal.learner import learn
from root_cause.normal.request_mix import DIFFERS_FROM, differs, distance, mix_of
from root_cause.quiet_hours.due_hours import HOUR_MS
from tests.unit.root_cause.small_traces import Line, traffic

DAY_MS = 24 * HOUR_MS
WEEK_MS = 7 * DAY_MS
# A Monday, 00:00 UTC.
MONDAY_MS = 1_790_553_600_000


def learned(messages: Sequence[str], count: int = 40, service: str = "shop") -> Normal:
    lines = [Line(5, service, message) for message in messages]
    return learn(traffic(lambda number, dice: lines, count), [])


def hour(at_ms: int, normal: Normal) -> tuple[LearnedHour, Normal]:
    return LearnedHour(at_ms, str(at_ms), mix_of(normal)), normal


def shares(*shape: int) -> dict[str, int]:
    return {f"kind-{chr(97 + number)}": count for number, count in enumerate(shape) if count}


def test_hours_of_one_week_are_simply_merged() -> None:
    parts = [
        hour(MONDAY_MS + n * HOUR_MS, learned(["begins", f"does {'abc'[n]}"])) for n in range(3)
    ]
    found = compose(parts, parts[-1][0].hour_ms, [])
    assert found == {WHOLE: merge(normal for _, normal in parts)}


def test_older_weeks_count_less() -> None:
    normal = learned(["begins", "ends"], 100)
    parts = [hour(MONDAY_MS, normal), hour(MONDAY_MS + 2 * WEEK_MS, normal)]
    found = compose(parts, parts[-1][0].hour_ms, [])[WHOLE]
    assert found.traces == 150
    assert set(found.services["shop"].events.values()) == {150}


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 80 * 24), min_size=1, max_size=40, unique=True))
def test_composing_service_by_service_is_composing_all(numbers: list[int]) -> None:
    dice = random.Random(len(numbers))
    parts = [
        hour(
            MONDAY_MS + number * HOUR_MS,
            merge(learned([f"step {word}"], 3, dice.choice(["shop", "cart"])) for word in "xy"),
        )
        for number in sorted(numbers)
    ]
    newest_ms, slots = parts[-1][0].hour_ms, [slot_of(parts[0][0].hour_ms)]
    whole = compose(parts, newest_ms, slots)
    for name in ("shop", "cart", TOTALS):
        own = [
            (key, decode({name: rows[name]}))
            for key, normal in parts
            if name in (rows := encode(normal))
        ]
        for slot, normal in compose(own, newest_ms, slots).items():
            assert encode(normal).get(name) == encode(whole[slot]).get(name)


@given(st.lists(st.integers(0, 100 * 24), min_size=1, max_size=400, unique=True))
def test_the_newest_hours_of_each_slot_are_chosen(numbers: list[int]) -> None:
    hours = [LearnedHour(MONDAY_MS + number * HOUR_MS, "r") for number in numbers]
    found = chosen(hours)
    times = [one.hour_ms for one in found]
    assert times == sorted(times)
    assert max(times) == max(one.hour_ms for one in hours)
    assert max(times) - min(times) < MOST_WEEKS * WEEK_MS
    assert max(Counter(slot_of(at_ms) for at_ms in times).values()) <= MOST_HOURS_OF_SLOT
    for left_out in (one for one in hours if one.hour_ms not in times):
        same = [at_ms for at_ms in times if slot_of(at_ms) == slot_of(left_out.hour_ms)]
        too_old = max(times) - left_out.hour_ms >= MOST_WEEKS * WEEK_MS
        assert too_old or (len(same) == MOST_HOURS_OF_SLOT and min(same) > left_out.hour_ms)


def test_an_hour_with_other_requests_has_a_normal_of_its_own_that_knows_the_rest() -> None:
    day = learned(["shop opens", "sells"], 400)
    night = learned(["night report", "sums up"], 400)
    parts = [hour(MONDAY_MS + n * HOUR_MS, night if n % 24 == 3 else day) for n in range(1, 49)]
    slots = own_slots(one for one, _ in parts)
    assert slots == ["weekday-03"]
    found = compose(parts, parts[-1][0].hour_ms, slots)
    at_night, whole = found["weekday-03"].services["shop"], found[WHOLE].services["shop"]
    [reports] = [key for key in night.services["shop"].events if "night" in key]
    [opens] = [key for key in day.services["shop"].events if "opens" in key]
    assert at_night.events[reports] == whole.events[reports] == 800
    assert 0 < at_night.events[opens] == whole.events[opens] / 4


def test_the_hours_of_a_place_stay_the_same_over_a_change_of_daylight_saving_time() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    # Clocks go forward on Sunday, the 29th of March.
    start = datetime(2026, 3, 25, tzinfo=berlin)
    days = [start + timedelta(days=number) for number in range(9)]
    by_time = {int(day.replace(hour=at).timestamp() * 1000): at for day in days for at in range(24)}
    assert {slot_of(at_ms, berlin)[-2:] == f"{at:02d}" for at_ms, at in by_time.items()} == {True}
    day, report = learned(["shop opens", "sells"], 400), learned(["night report", "sums up"], 400)
    parts = [hour(at_ms, report if at == 4 else day) for at_ms, at in sorted(by_time.items())]
    hours = [one for one, _ in parts]
    assert own_slots(hours, berlin) == ["weekday-04", "weekend-04"]
    # In hours of UTC it moves, and is mixed with what is usual.
    assert {"weekday-02", "weekday-03"} <= set(own_slots(hours))


@given(st.lists(st.integers(1, 50), min_size=1, max_size=30), st.integers(0, 2**32))
def test_chance_alone_does_not_make_an_hour_differ(weights: list[int], seed: int) -> None:
    dice = random.Random(seed)
    kinds = [f"kind-{number}" for number in range(len(weights))]
    one, other = (Counter(dice.choices(kinds, weights, k=400)) for _ in range(2))
    assert not differs(one, other)
    assert 0.0 <= distance(one, other) < DIFFERS_FROM / 2


def test_distance_of_the_same_is_none_and_of_strangers_nearly_all() -> None:
    assert distance(shares(500, 500), shares(500, 500)) == 0.0
    assert distance(shares(1000), shares(0, 1000)) > 0.95
    assert not differs(shares(20), shares(0, 20))


def test_a_new_version_says_other_things_and_not_only_more_or_less() -> None:
    old = {"a": 50, "b": 40, "c": 10}
    assert replaced(old, {"c": 10, "d": 50, "e": 40})
    assert not replaced(old, {**old, "d": 500})
    assert not replaced(old, {"c": 10})
    assert not replaced(old, {})
    assert not replaced({}, old)


def test_names_in_messages_are_no_new_version() -> None:
    one = {"mail queued": 300, **{f"mail to {number}": 1 for number in range(250)}}
    other = {"mail queued": 300, **{f"mail to {number}": 1 for number in range(900, 1150)}}
    assert not replaced(one, other)
    assert not replaced({"mail": 4, **one}, {f"only names {number}": 4 for number in range(99)})


OLD = {"old one": ENOUGH_EVENTS, "old two": ENOUGH_EVENTS, "both": 10}
NEW = {"new one": ENOUGH_EVENTS, "new two": ENOUGH_EVENTS, "both": 10}
MIXED = {**OLD, **NEW}


@given(st.integers(1, 8), st.integers(1, 8), st.booleans())
def test_a_deployment_is_found_where_it_was(before: int, after: int, within_an_hour: bool) -> None:
    between = [MIXED] if within_an_hour else []
    slices = [*[OLD] * before, *between, *[NEW] * after]
    assert first_of_version(slices) == len(slices) - after


@given(st.integers(1, 20), st.randoms(use_true_random=False))
def test_without_a_deployment_everything_counts(count: int, dice: random.Random) -> None:
    """Also where hours differ: what a night says comes every night."""
    day, night = {"sells": 5_000, "both": 100}, {"sums up": 5_000, "both": 100}
    slices = [day, night] + [dice.choice([day, night]) for _ in range(count)] + [day, night]
    assert first_of_version(slices) == 0


def test_too_few_events_of_a_new_version_leave_the_old_one_in_force() -> None:
    few = dict.fromkeys(NEW, 1)
    assert first_of_version([OLD, OLD, few]) == 0
    assert first_of_version([]) == first_of_version([OLD]) == 0


def test_a_service_that_says_little_is_known_as_new_after_an_hour_of_it() -> None:
    old, new = {"one": 8, "two": 8}, {"three": 5, "four": 5}
    assert first_of_version([old, old, new]) == 2
    assert first_of_version([old, old, {"three": 1}]) == 0


def test_only_the_deployed_service_forgets() -> None:
    old = merge([learned(["one", "two"], 600), learned(["adds up"], 600, "cart")])
    new = merge([learned(["three", "four"], 600), learned(["adds up"], 600, "cart")])
    parts = [hour(MONDAY_MS, old), hour(MONDAY_MS + HOUR_MS, new)]
    found = compose(parts, parts[-1][0].hour_ms, [])[WHOLE]
    assert found.services["shop"] == new.services["shop"]
    assert set(found.services["cart"].events.values()) == {1200}
