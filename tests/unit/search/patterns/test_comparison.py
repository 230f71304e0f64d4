"""What is new, gone or shifted between two times."""

from __future__ import annotations

import random
from uuid import UUID

from search.patterns.comparison import Change, changes

A, B, C, D = (("shop", UUID(int=number)) for number in range(4))
HOUR = 3_600_000


def test_new_gone_and_shifted_patterns_the_strongest_first() -> None:
    before = {A: 1_000, B: 300, C: 100}
    after = {A: 1_010, C: 900, D: 3}
    found = changes(before, after, HOUR, HOUR)
    assert [(one.name, one.change) for one in found] == [
        (C, Change.SHIFTED),
        (B, Change.GONE),
        (D, Change.NEW),
    ]
    assert (found[0].before, found[0].after) == (100, 900)


def test_times_of_different_length_are_compared_by_rate() -> None:
    assert changes({A: 2_400}, {A: 100}, 24 * HOUR, HOUR) == []
    (one,) = changes({A: 2_400}, {A: 1_000}, 24 * HOUR, HOUR)
    assert one.change is Change.SHIFTED


def test_what_was_seldom_is_not_gone() -> None:
    assert changes({A: 3}, {}, HOUR, HOUR) == []


def test_chance_alone_shifts_nothing() -> None:
    chance = random.Random(3)

    def counted(rate: int) -> int:
        return sum(chance.random() < 0.5 for _ in range(2 * rate))

    names = [("shop", UUID(int=number)) for number in range(300)]
    rates = {name: chance.choice((10, 50, 200)) for name in names}
    before = {name: counted(rate) for name, rate in rates.items()}
    after = {name: counted(rate) for name, rate in rates.items()}
    assert changes(before, after, HOUR, HOUR) == []
