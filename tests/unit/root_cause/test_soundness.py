"""What must not be learned although nobody noticed a fault, and what must be."""

from __future__ import annotations

import random
from collections.abc import Sequence

from firstcause.events.log_event import LogEvent
from root_cause.normal.learner import learn
from root_cause.quiet_hours.soundness import (
    LEAST_TRACES,
    MOST_ERROR_TRACES,
    TOO_LITTLE,
    why_unsound,
)
from tests.unit.root_cause.small_traces import START_MS, Line, traffic

CALL = [
    Line(0, "shop", "order begins"),
    Line(5, "cart", "reads"),
    Line(5, "cart", "has read"),
    Line(5, "shop", "order is done"),
]
SLOW_CALL = [
    Line(0, "shop", "order begins"),
    Line(5, "cart", "reads"),
    Line(900, "cart", "has read"),
]
SLOW_CALL.append(Line(5, "shop", "order is done"))


def healthy(number: int, dice: random.Random) -> Sequence[Line]:
    return [Line(line.after_ms + dice.randrange(3), *_rest(line)) for line in CALL]


def slow(number: int, dice: random.Random) -> Sequence[Line]:
    return SLOW_CALL if number % 2 else CALL


def of_new_cart(number: int, dice: random.Random) -> Sequence[Line]:
    """The same work by other code, and slower."""
    return [
        CALL[0],
        Line(5, "cart", "looks up"),
        Line(700, "cart", "found all"),
        Line(5, "shop", "order is done"),
    ]


def of_new_system(number: int, dice: random.Random) -> Sequence[Line]:
    return [Line(9, line.service_name, f"now {line.message}") for line in reversed(CALL)]


def _rest(line: Line) -> tuple[str, str]:
    return line.service_name, line.message


def made(lines_of: object, count: int = 200) -> list[LogEvent]:
    return traffic(lines_of, count, first=5_000, at_ms=START_MS + 3_600_000)  # type: ignore[arg-type]


NORMAL = learn(traffic(healthy, 300), [])


def test_healthy_traffic_is_learned() -> None:
    assert why_unsound(made(healthy), [], NORMAL) is None
    assert why_unsound(made(healthy), [], None) is None


def test_a_time_with_a_culprit_is_refused_and_the_culprit_named() -> None:
    why = why_unsound(made(slow), [], NORMAL)
    assert why is not None
    assert why.startswith("looks broken: cart departs from normal")


def test_another_version_of_a_service_or_of_all_is_learned() -> None:
    assert why_unsound(made(of_new_cart), [], NORMAL) is None
    assert why_unsound(made(of_new_system), [], NORMAL) is None


def test_without_a_normal_only_a_flood_of_errors_is_refused() -> None:
    def failing(share: float) -> list[LogEvent]:
        bad = [CALL[0], Line(5, "cart", "cannot read", "ERROR")]
        return made(lambda number, dice: bad if number < share * 200 else CALL)

    assert why_unsound(failing(MOST_ERROR_TRACES), [], None) is None
    why = why_unsound(failing(MOST_ERROR_TRACES + 0.01), [], None)
    assert why is not None
    assert "no normal is known yet" in why


def test_too_little_is_said_to_be_so() -> None:
    assert why_unsound(made(healthy, LEAST_TRACES), [], None) is None
    why = why_unsound(made(healthy, LEAST_TRACES - 1), [], NORMAL)
    assert why is not None
    assert why.startswith(TOO_LITTLE)
