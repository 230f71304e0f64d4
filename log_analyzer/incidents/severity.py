"""Computes an incident's severity from its error rate and its number of services. Pure.

All of it is event time, so a replayed incident has the severities that it had live. It falls as
well as rises: what counts are the last ten minutes in which the incident is known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from firstcause.incidents.records import Escalation
from firstcause.incidents.states import SEVERITIES, Severity
from firstcause.incidents.view import ErrorMinute
from log_analyzer.episodes.tally import MINUTE_MS

WINDOW_MS: Final = 600_000
# Errors within the window.
MEDIUM_ERRORS: Final = 10
HIGH_ERRORS: Final = 100
CRITICAL_ERRORS: Final = 1_000
MANY_SERVICES: Final = 3

_HIGH: Final = SEVERITIES.index("high")
_CRITICAL: Final = SEVERITIES.index("critical")


@dataclass(frozen=True, slots=True)
class Signs:
    """What the severity depends on. Times in ms since the epoch (event time).

    `last_fatal_ms` is when the last FATAL error came, None without any. `error_count` is
    used if no minutes are stored.
    """

    minutes: Sequence[ErrorMinute]
    error_count: int
    services: int
    first_ms: int
    last_ms: int
    last_fatal_ms: int | None = None
    escalations: Sequence[Escalation] = ()


@dataclass(frozen=True, slots=True)
class Recent:
    """The errors of the last `WINDOW_MS` of an incident, or of all its time if that is less."""

    errors: int
    services: int
    span_ms: int

    @property
    def per_minute(self) -> float:
        """Errors a minute."""
        return self.errors * MINUTE_MS / self.span_ms


def level(errors: int, services: int, *, fatal: bool = False, escalated: bool = False) -> Severity:
    """The severity for a number of errors and services within `WINDOW_MS`.

    10 errors are medium, 100 high; 1,000 in three services and more are critical, and so is any
    FATAL. Three services are one step worse, though not critical by that alone. An escalation is
    one step more, to high at least.
    """
    found = (errors >= MEDIUM_ERRORS) + (errors >= HIGH_ERRORS)
    if services >= MANY_SERVICES:
        found = _CRITICAL if errors >= CRITICAL_ERRORS else min(found + 1, _HIGH)
    if fatal:
        found = _CRITICAL
    if escalated:
        found = max(min(found + 1, _CRITICAL), _HIGH)
    return SEVERITIES[found]


def recent(minutes: Iterable[ErrorMinute], end_ms: int, first_ms: int) -> Recent:
    """The errors of the window that ends with the minute of `end_ms`."""
    end_minute = end_ms - end_ms % MINUTE_MS
    inside = [one for one in minutes if end_minute - WINDOW_MS < one.minute_ms <= end_minute]
    span_ms = min(WINDOW_MS, max(MINUTE_MS, end_ms - first_ms))
    return Recent(
        sum(one.errors for one in inside), len({one.service_name for one in inside}), span_ms
    )


def end_of_window(signs: Signs, now_ms: int) -> int:
    """Where the present is: the last error, unless its clock is ahead of ours and others are not.

    Args:
        signs: of the incident.
        now_ms: the wall clock.
    """
    if signs.last_ms <= now_ms:
        return signs.last_ms
    past = [one.minute_ms for one in signs.minutes if one.minute_ms <= now_ms]
    return min(max(past) + MINUTE_MS - 1, now_ms) if past else signs.last_ms


def severity_now(signs: Signs, now_ms: int) -> Severity:
    """The severity at the end of the incident's known errors."""
    if not signs.minutes:
        return level(
            signs.error_count,
            signs.services,
            fatal=signs.last_fatal_ms is not None,
            escalated=bool(signs.escalations),
        )
    return _at(signs, end_of_window(signs, now_ms))


def worst_severity(signs: Signs, since_ms: int, now_ms: int) -> Severity:
    """The worst since a time, at `severity_now` at least; of the minutes that are kept."""
    worst = SEVERITIES.index(severity_now(signs, now_ms))
    first = since_ms - since_ms % MINUTE_MS
    for minute_ms in sorted({one.minute_ms for one in signs.minutes if one.minute_ms >= first}):
        if minute_ms <= now_ms:
            worst = max(worst, SEVERITIES.index(_at(signs, minute_ms + MINUTE_MS - 1)))
    return SEVERITIES[worst]


def is_worse(one: Severity, other: Severity) -> bool:
    """True when the first is worse than the second."""
    return SEVERITIES.index(one) > SEVERITIES.index(other)


def _at(signs: Signs, end_ms: int) -> Severity:
    found = recent(signs.minutes, end_ms, signs.first_ms)
    start_ms = end_ms - WINDOW_MS
    fatal_ms = signs.last_fatal_ms
    fatal = fatal_ms is not None and start_ms < fatal_ms <= end_ms + MINUTE_MS
    escalated = any(
        one.last_alert_ms > start_ms and one.first_alert_ms <= end_ms + WINDOW_MS
        for one in signs.escalations
    )
    return level(found.errors, found.services, fatal=fatal, escalated=escalated)
