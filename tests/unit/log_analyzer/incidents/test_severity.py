from __future__ import annotations

import uuid

from hypothesis import given
from hypothesis import strategies as st

from firstcause.incidents.records import Escalation
from firstcause.incidents.states import SEVERITIES
from firstcause.incidents.view import ErrorMinute
from log_analyzer.incidents.severity import (
    Signs,
    is_worse,
    level,
    severity_now,
    worst_severity,
)

MINUTE_MS = 60_000
START_MS = 1_700_000_040_000
HOUR = 60


def signs(counts: dict[int, int], **changes) -> Signs:
    """Errors of one service by minute since the start."""
    minutes = [ErrorMinute("shop", START_MS + at * MINUTE_MS, n) for at, n in counts.items()]
    fields = {
        "minutes": minutes,
        "error_count": sum(counts.values()),
        "services": 1,
        "first_ms": START_MS,
        "last_ms": START_MS + max(counts) * MINUTE_MS + 1_000,
    }
    return Signs(**fields | changes)


def at(minute: int) -> int:
    return START_MS + minute * MINUTE_MS


def test_it_grows_with_rate_spread_and_escalations_and_fatal_is_critical() -> None:
    assert [level(count, 1) for count in (1, 10, 100, 5_000)] == ["low", "medium", "high", "high"]
    assert [level(count, 3) for count in (1, 10, 100, 1_000)] == [
        "medium",
        "high",
        "high",
        "critical",
    ]
    assert level(1, 1, fatal=True) == "critical"
    assert [level(count, 1, escalated=True) for count in (1, 10, 100)] == [
        "high",
        "high",
        "critical",
    ]


def test_a_hundred_errors_in_seventeen_hours_are_low_and_in_ten_minutes_high() -> None:
    slow = signs({minute * 10: 1 for minute in range(100)})
    assert severity_now(slow, slow.last_ms) == "low"
    fast = signs(dict.fromkeys(range(10), 10))
    assert severity_now(fast, fast.last_ms) == "high"


def test_it_falls_when_the_rate_falls_and_the_worst_is_remembered() -> None:
    flood = {0: 1, 60: 500} | {90 + minute * 10: 1 for minute in range(6)}
    found = signs(flood)
    assert severity_now(found, found.last_ms) == "low"
    assert worst_severity(found, START_MS, found.last_ms) == "high"
    assert worst_severity(found, at(80), found.last_ms) == "low"


def test_a_fatal_error_counts_for_ten_minutes() -> None:
    found = signs({0: 1, 5: 1}, last_fatal_ms=START_MS)
    assert severity_now(found, at(5)) == "critical"
    found = signs({0: 1, 30: 1}, last_fatal_ms=START_MS)
    assert severity_now(found, at(30)) == "low"


def test_an_escalation_counts_while_it_lasts() -> None:
    escalation = Escalation(uuid.UUID(int=1), "shop", 5, at(0), at(4))
    assert severity_now(signs({0: 1, 5: 1}, escalations=(escalation,)), at(5)) == "high"
    assert severity_now(signs({0: 1, 60: 1}, escalations=(escalation,)), at(60)) == "low"


def test_one_error_that_is_stamped_ahead_hides_no_storm() -> None:
    found = signs({0: 500, 120: 1}, last_ms=at(120))
    assert severity_now(found, at(1)) == "high"


def test_a_service_whose_clock_is_ahead_has_a_severity_all_the_same() -> None:
    found = signs({120: 500})
    assert severity_now(found, at(0)) == "high"


@given(st.dictionaries(st.integers(0, 300), st.integers(1, 5_000), min_size=1), st.integers(0, 400))
def test_the_worst_is_never_less_than_what_is_now(counts: dict[int, int], now: int) -> None:
    found = signs(counts)
    current, worst = severity_now(found, at(now)), worst_severity(found, START_MS, at(now))
    assert not is_worse(current, worst)
    assert current in SEVERITIES
