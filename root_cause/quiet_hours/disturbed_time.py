"""Decides during which times an incident was loud enough to disturb learning. Pure.

Any ERROR opens an incident, and an error every ten minutes keeps it open permanently. If all of its
time counted as disturbed, nothing would ever be learned.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from root_cause.quiet_hours.quiet_stretches import Disturbance

MINUTE_MS: Final = 60_000
# An incident as a whole is of low severity below as many errors; this is asked of each window.
LOUD_ERRORS: Final = 10
LOUD_SERVICES: Final = 2
WINDOW_MINUTES: Final = 15


@dataclass(frozen=True, slots=True)
class EpisodeErrors:
    """Errors of one service in an incident, or a part of them.

    Attributes:
        service_name: whose.
        first_ms, last_ms: of the first and the last one (event time).
        minutes: how many by minute since the epoch; of the oldest minutes it may be unknown.
        fatal: any of them is FATAL.
    """

    service_name: str
    first_ms: int
    last_ms: int
    minutes: Mapping[int, int]
    fatal: bool


def disturbances_of_episodes(
    what: str, episodes: Sequence[EpisodeErrors], *, is_open: bool
) -> list[Disturbance]:
    """The times of an incident in which it disturbs, in their order; none may be.

    It does within each fifteen minutes that have ten errors, or errors of two services; from the
    first to the last error of an episode that has a FATAL one; and where counts are unknown.

    Args:
        what: names the incident for people.
        episodes: all of it.
        is_open: more may come: a loud time that goes on to the last error has no end yet.
    """
    known: Counter[tuple[int, str]] = Counter()
    for one in episodes:
        known.update({(minute, one.service_name): count for minute, count in one.minutes.items()})
    last_ms = max((one.last_ms for one in episodes), default=0)
    found: list[tuple[int, int]] = []
    for start_ms, end_ms in sorted((*_whole(episodes), *_windows(known))):
        if found and start_ms <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(found[-1][1], end_ms))
        else:
            found.append((start_ms, end_ms))
    return [
        Disturbance(what, start_ms, None if is_open and end_ms >= last_ms else end_ms)
        for start_ms, end_ms in found
    ]


def _whole(episodes: Iterable[EpisodeErrors]) -> Iterator[tuple[int, int]]:
    for one in episodes:
        if one.fatal or not one.minutes:
            yield one.first_ms, one.last_ms
        elif one.first_ms < (known_from_ms := min(one.minutes) * MINUTE_MS):
            yield one.first_ms, known_from_ms - 1


def _windows(counts: Mapping[tuple[int, str], int]) -> Iterator[tuple[int, int]]:
    """From the first to the last minute with errors of each loud window."""
    ordered = sorted(counts)
    for at, (first, _) in enumerate(ordered):
        errors, services, last = 0, set(), first
        for minute, service in ordered[at:]:
            if minute >= first + WINDOW_MINUTES:
                break
            errors += counts[minute, service]
            services.add(service)
            last = minute
        if errors >= LOUD_ERRORS or len(services) >= LOUD_SERVICES:
            yield first * MINUTE_MS, (last + 1) * MINUTE_MS - 1
