"""Scores single log events with Spark expressions, as `alerting.log_anomaly` does.

Comparisons only, so that all of it is in generated code: the store job pays it for each event.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import reduce

from pyspark.sql import Column
from pyspark.sql import functions as F

from alerting.log_anomaly import (
    ERROR_CODE_POINTS,
    LATENCY_POINTS,
    LEVEL_POINTS,
    NO_ERROR_CODES,
    SCORE_MAX,
    SEVERITY_FROM,
    STATUS_POINTS,
)


def score(event: Column) -> Column:
    """The score, 0 to 100, of a struct with the columns of the table `logs`."""
    level, code = event.getField("level"), event.getField("error_code")
    status, latency = event.getField("status_code"), event.getField("latency_ms")
    parts = (
        _first((level == name, points) for name, points in LEVEL_POINTS.items()),
        _first((status >= least, points) for least, points in STATUS_POINTS),
        # For Spark, and not for Python, NaN is above everything.
        _first(((latency > above) & ~F.isnan(latency), points) for above, points in LATENCY_POINTS),
        F.when(code.isNotNull() & ~code.isin(*NO_ERROR_CODES), ERROR_CODE_POINTS).otherwise(0),
    )
    return F.least(F.lit(SCORE_MAX), reduce(lambda one, other: one + other, parts))


def severity(event: Column) -> Column:
    """What the column `anomaly` holds: the severity of the score, null where nothing is odd."""
    scored = score(event)
    # Most events end at the first look.
    found = F.when(scored == 0, F.lit(None).cast("string"))
    for name, least in SEVERITY_FROM:
        found = found.when(scored >= least, name)
    return found


def _first(cases: Iterable[tuple[Column, int]]) -> Column:
    """The points of the first case that holds; 0 where none does, or the field is absent."""
    (condition, points), *others = cases
    found = F.when(condition, points)
    for condition, points in others:
        found = found.when(condition, points)
    return found.otherwise(0)
