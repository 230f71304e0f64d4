"""The score and severity of single log events."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerting.log_anomaly import SEVERITY_FROM, at_least, log_anomaly, severity_of
from firstcause.events.log_event import LEVELS


@pytest.mark.parametrize(
    ("level", "status", "latency", "code", "score", "severity"),
    [
        ("INFO", None, None, None, 0, None),
        ("INFO", 200, 3_000.0, "0", 0, None),
        ("DEBUG", 399, math.nan, "", 0, None),
        ("INFO", None, -1.0, "E-1", 5, "low"),
        ("WARN", None, None, None, 10, "low"),
        ("INFO", 404, None, None, 10, "low"),
        ("INFO", None, 3_000.1, None, 20, "low"),
        ("INFO", 500, None, None, 40, "medium"),
        ("ERROR", None, None, "PAY-1", 45, "medium"),
        ("ERROR", None, 6_001.0, None, 70, "high"),
        ("ERROR", 503, None, "PAY-1", 85, "high"),
        ("FATAL", None, None, None, 90, "critical"),
        ("ERROR", 503, math.inf, "PAY-1", 100, "critical"),
    ],
)
def test_points_add_up(level, status, latency, code, score, severity) -> None:
    found = log_anomaly(level, status, latency, code)
    assert (found.score, found.severity) == (score, severity)


def test_every_point_has_its_reason() -> None:
    found = log_anomaly("ERROR", 503, 7_200.4, "PAY-1")
    assert [(one.field, one.points) for one in found.reasons] == [
        ("level", 40),
        ("status_code", 40),
        ("latency_ms", 30),
        ("error_code", 5),
    ]
    assert found.reasons[2].sentence == "The latency of 7,200.4 ms is more than 6,000 ms."


def test_severities_from_one_on() -> None:
    assert at_least("high") == ("high", "critical")
    assert at_least("low") == ("low", "medium", "high", "critical")
    assert severity_of(0) is None
    assert [severity_of(least) for _, least in SEVERITY_FROM] == [name for name, _ in SEVERITY_FROM]


RISING = st.sampled_from([(one, two) for at, one in enumerate(LEVELS) for two in LEVELS[at:]])


@given(
    RISING,
    st.integers(0, 999),
    st.integers(0, 999),
    st.floats(0, 1e6),
    st.floats(0, 1e6),
    st.none() | st.text(),
)
def test_what_is_worse_scores_no_less(levels, status, more, latency, longer, code) -> None:
    lower = log_anomaly(levels[0], status, latency, None)
    higher = log_anomaly(levels[1], status + more, latency + longer, code)
    assert 0 <= lower.score <= higher.score <= 100
    assert (lower.score == 0) == (lower.severity is None) == (not lower.reasons)
