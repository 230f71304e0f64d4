"""Answers on single log events that are odd by themselves."""

from __future__ import annotations

from pydantic import BaseModel, Field

from alerting.log_anomaly import Field as ScoredField
from alerting.log_anomaly import log_anomaly
from api.answers.logs import LogLine, log_line
from api.reading.logs import LogPage
from firstcause.incidents.states import Severity
from firstcause.storage.log_history import LogRow


class AnomalyReason(BaseModel):
    """A field of the event, and what it adds to the score."""

    field: ScoredField
    points: int = Field(ge=1, le=100)
    sentence: str


class AnomalousLog(BaseModel):
    """A stored log event that is odd by its own fields."""

    score: int = Field(ge=0, le=100, description="The sum of the points, at most 100")
    severity: Severity = Field(description="As it is stored in the column `anomaly`")
    reasons: list[AnomalyReason]
    log: LogLine


class LogAnomalies(BaseModel):
    """A page of anomalies, newest first."""

    anomalies: list[AnomalousLog]
    next_cursor: str | None = Field(default=None, description="Gives the next page; absent: end")


def log_anomalies(page: LogPage, next_cursor: str | None) -> LogAnomalies:
    """A page of rows, each with a severity in `anomaly`, as an answer."""
    return LogAnomalies(
        anomalies=[_anomalous_log(row) for row in page.rows], next_cursor=next_cursor
    )


def _anomalous_log(row: LogRow) -> AnomalousLog:
    line = log_line(row)
    found = log_anomaly(line.level, line.status_code, line.latency_ms, line.error_code)
    return AnomalousLog(
        score=found.score,
        severity=row["anomaly"],
        reasons=[
            AnomalyReason(field=one.field, points=one.points, sentence=one.sentence)
            for one in found.reasons
        ],
        log=line,
    )
