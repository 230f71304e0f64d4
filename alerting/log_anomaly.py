"""How odd a single log event is by its own fields: points, a score and a severity. Pure.

`spark/records/log_anomaly.py` computes the same from the same tables;
`tests/integration/spark/test_readers_agree.py` holds the two against each other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from firstcause.incidents.states import SEVERITIES, Severity

Field = Literal["level", "status_code", "latency_ms", "error_code"]

LEVEL_POINTS: Final[Mapping[str, int]] = {"ERROR": 40, "WARN": 10, "FATAL": 90}
# The first that the status reaches.
STATUS_POINTS: Final = ((500, 40), (400, 10))
# The first that the latency is above.
LATENCY_POINTS: Final = ((12_000.0, 40), (6_000.0, 30), (3_000.0, 20))
ERROR_CODE_POINTS: Final = 5
# What stands for "no error" where the field is always sent.
NO_ERROR_CODES: Final = ("", "0")
SCORE_MAX: Final = 100
# The least score of each, the most severe first; below the last nothing is odd.
SEVERITY_FROM: Final[tuple[tuple[Severity, int], ...]] = (
    ("critical", 90),
    ("high", 70),
    ("medium", 40),
    ("low", 1),
)


@dataclass(frozen=True, slots=True)
class AnomalyReason:
    """The points that one field of an event gives, and why in words."""

    field: Field
    points: int
    sentence: str


@dataclass(frozen=True, slots=True)
class LogAnomaly:
    """What is odd about an event.

    Attributes:
        score: 0 to 100; 0 where nothing is odd.
        severity: of the score; None where nothing is odd. The column `anomaly` of `logs`.
        reasons: one for each field with points; their sum may be beyond 100.
    """

    score: int
    severity: Severity | None
    reasons: tuple[AnomalyReason, ...]


def log_anomaly(
    level: str, status_code: int | None, latency_ms: float | None, error_code: str | None
) -> LogAnomaly:
    """Judges an event by fields of `LogEvent`; absent ones are None. Raises nothing."""
    reasons: list[AnomalyReason] = []
    points = LEVEL_POINTS.get(level)
    if points is not None:
        reasons.append(AnomalyReason("level", points, f"The level is {level}."))
    if status_code is not None:
        for least, points in STATUS_POINTS:
            if status_code >= least:
                sentence = f"The status code is {status_code}: {least} or more."
                reasons.append(AnomalyReason("status_code", points, sentence))
                break
    if latency_ms is not None:
        for above, points in LATENCY_POINTS:
            if latency_ms > above:
                sentence = f"The latency of {latency_ms:,.1f} ms is more than {above:,.0f} ms."
                reasons.append(AnomalyReason("latency_ms", points, sentence))
                break
    if error_code is not None and error_code not in NO_ERROR_CODES:
        sentence = f"It has the error code {error_code}."
        reasons.append(AnomalyReason("error_code", ERROR_CODE_POINTS, sentence))
    score = min(SCORE_MAX, sum(one.points for one in reasons))
    return LogAnomaly(score, severity_of(score), tuple(reasons))


def severity_of(score: int) -> Severity | None:
    """The severity of a score; None for 0."""
    return next((severity for severity, least in SEVERITY_FROM if score >= least), None)


def at_least(severity: Severity) -> tuple[Severity, ...]:
    """This severity and those above it."""
    return SEVERITIES[SEVERITIES.index(severity) :]
