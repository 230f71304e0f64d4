"""Whose context is gathered, and in which order, while a backlog waits to be told."""

from __future__ import annotations

import uuid
from types import SimpleNamespace
from typing import Any

from log_analyzer.notify.message_row import Waiting
from log_analyzer.workers.context import ContextWorker

NOW_MS, HOUR_MS = 1_700_000_000_000, 3_600_000


def looked_at(pending: list[Waiting], *, old_after_ms: float = HOUR_MS) -> list[uuid.UUID]:
    """The incidents that a pass reads, in their order."""
    found: list[uuid.UUID] = []
    nothing: Any = SimpleNamespace()
    outbox: Any = SimpleNamespace(
        waiting=lambda state: pending if state == "pending" else [], in_state=lambda _: []
    )
    ContextWorker(
        store=nothing,
        gatherer=nothing,
        outbox=outbox,
        reader=SimpleNamespace(read=found.append),
        owner="me",
        ranker=SimpleNamespace(kill=lambda: None),
        old_after_ms=old_after_ms,
        clock_ms=lambda: NOW_MS,
    ).run_once()
    return found


def waiting(happened_ms: int | None, *, not_before_ms: int = NOW_MS, attempts: int = 0) -> Waiting:
    key = uuid.uuid4()
    return Waiting(key, "incident", key, not_before_ms, happened_ms, attempts)


def test_the_newest_comes_first_and_what_a_digest_will_tell_costs_nothing() -> None:
    backlog = [waiting(NOW_MS - n * HOUR_MS) for n in range(1, 300)]
    recent, newest, unknown = waiting(NOW_MS - 60_000), waiting(NOW_MS), waiting(None)
    found = looked_at([*backlog[:150], recent, newest, *backlog[150:], unknown])
    assert found == [unknown.key, newest.key, recent.key]


def test_where_nothing_is_old_news_all_have_their_turn() -> None:
    rows = [waiting(NOW_MS - n * HOUR_MS) for n in range(5)]
    assert looked_at(rows[::-1], old_after_ms=float("inf")) == [one.key for one in rows]


def test_one_whose_groups_still_find_each_other_waits_and_one_that_was_refused_does_not() -> None:
    early = waiting(NOW_MS, not_before_ms=NOW_MS + 500)
    refused = waiting(NOW_MS, not_before_ms=NOW_MS + 60_000, attempts=2)
    assert looked_at([early, refused]) == [refused.key]
