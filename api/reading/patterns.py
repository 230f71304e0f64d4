"""Reads patterns of all logs within what one request may read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus

from api.guard.problems import Problem
from firstcause.storage.stored_time import ms_from_datetime
from search.patterns.overview import (
    PARTITIONS_MAX,
    ChangedPattern,
    CountedPattern,
    PatternOverview,
    partitions_between,
)
from search.patterns.store import PatternStore


@dataclass(frozen=True, slots=True)
class PatternTime:
    """[start, end) of one service, or of all; with what is before it from `before` on."""

    before: datetime
    start: datetime
    end: datetime
    service: str | None


def time_before(start: datetime, end: datetime) -> datetime:
    """Where a time as long as this one begins that ends where it begins.

    Raises:
        Problem: 400, the calendar has no such time.
    """
    try:
        return start - (end - start)
    except OverflowError:
        raise Problem(HTTPStatus.BAD_REQUEST, "from: there is no time before.") from None


def patterns_of(
    store: PatternStore, asked: PatternTime, step: Callable[[], None]
) -> Sequence[CountedPattern]:
    """The patterns of a time, the most frequent first. Blocks; raises the driver's errors.

    Raises:
        Problem: 400, too much is asked for.
    """
    overview = PatternOverview(store, step)
    services = overview.services(asked.service)
    start, end = ms_from_datetime(asked.start), ms_from_datetime(asked.end)
    _check(len(services), start, end)
    return overview.most_frequent(services, start, end)


def changed_patterns(
    store: PatternStore, asked: PatternTime, step: Callable[[], None]
) -> Sequence[ChangedPattern]:
    """What changed against the time before, the strongest first. Blocks, raises as the other."""
    overview = PatternOverview(store, step)
    services = overview.services(asked.service)
    times = (asked.before, asked.start, asked.end)
    before, start, end = (ms_from_datetime(one) for one in times)
    if not before < start < end:
        raise Problem(HTTPStatus.BAD_REQUEST, "before must be earlier than from, and from than to.")
    _check(len(services), before, end)
    return overview.changed(services, before, start, end)


def _check(services: int, start_ms: int, end_ms: int) -> None:
    if partitions_between(services, start_ms, end_ms) > PARTITIONS_MAX:
        raise Problem(
            HTTPStatus.BAD_REQUEST,
            f"from: this time of {services} services has more than {PARTITIONS_MAX:,} hours: ask "
            "for a shorter time, or one service.",
        )
