"""How long messages wait that should have been sent."""

from __future__ import annotations

import uuid
from dataclasses import replace

from log_analyzer.notify.message_row import Waiting
from log_analyzer.notify.overdue import Overdue


class Clock:
    ms = 1_000_000

    def __call__(self) -> int:
        return self.ms


def message(not_before_ms: int = 0) -> Waiting:
    return Waiting(uuid.uuid4(), "incident", None, not_before_ms)


def test_the_oldest_counts_from_when_it_was_due() -> None:
    clock = Clock()
    overdue = Overdue(clock)
    first, second = message(), message(clock.ms + 30_000)
    assert overdue.oldest_seconds([]) == 0
    assert overdue.oldest_seconds([second]) == 0
    assert overdue.oldest_seconds([first, second]) == 0
    clock.ms += 60_000
    assert overdue.oldest_seconds([first, second]) == 60
    assert overdue.oldest_seconds([second]) == 30


def test_a_retry_that_is_put_off_waits_all_the_same() -> None:
    clock = Clock()
    overdue = Overdue(clock)
    one = message()
    overdue.oldest_seconds([one])
    clock.ms += 60_000
    put_off = replace(one, not_before_ms=clock.ms + 300_000, attempts=5)
    assert overdue.oldest_seconds([put_off]) == 60


def test_one_that_was_sent_is_forgotten() -> None:
    clock = Clock()
    overdue = Overdue(clock)
    one = message()
    overdue.oldest_seconds([one])
    clock.ms += 60_000
    assert overdue.oldest_seconds([]) == 0
    assert overdue.oldest_seconds([one]) == 0
