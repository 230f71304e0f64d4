"""What is measured of log events, minute by minute, with Spark expressions only.

The stream and the backfill use these same expressions, so that equal events make equal rows. All
that is summed is an integer: the order in which events come changes no digit.
"""

from __future__ import annotations

from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from alerting.cells.cell import STATUS_CLASSES
from alerting.cells.distinct import KEPT_HASHES
from alerting.measures.sketch import (
    LATENCY_MAX_MS,
    LATENCY_MIN_MS,
    LOG_GAMMA,
    NO_BUCKET,
    ZERO_BUCKET,
)
from firstcause.events.log_event import LEVELS

# A batch has more keys than Spark's default of 128, beyond which it sorts instead of hashing.
SESSION_OPTIONS: Final = {
    "spark.sql.objectHashAggregate.sortBased.fallbackThreshold": "100000",
}

# What the watermark is taken from.
CLOCK: Final = "clock"

_NS_PER_MS: Final = 1_000_000
_STATUS_MIN, _STATUS_MAX = 100, 599


def measured(events: DataFrame, clock: Column) -> DataFrame:
    """One narrow row an event; plans, runs nothing.

    Args:
        events: rows with the columns of the table `logs`.
        clock: the event's time, or in its place another where its clock is not to be believed.

    Returns:
        `service_name`, `log_id`, `clock` and what `minute_sums` adds up.
    """
    latency = F.col("latency_ms")
    is_measured = (latency >= 0) & (latency <= LATENCY_MAX_MS) & ~F.isnan(latency)
    whole = F.floor(latency)
    bucket = (
        F.when(~F.coalesce(is_measured, F.lit(False)), F.lit(NO_BUCKET))
        .when(latency < LATENCY_MIN_MS, F.lit(ZERO_BUCKET))
        .otherwise(F.ceil(F.log(latency) / F.lit(LOG_GAMMA)).cast("int"))
    )
    status = F.col("status_code")
    has_class = (status >= _STATUS_MIN) & (status <= _STATUS_MAX)
    return events.select(
        "service_name",
        F.unix_millis(F.date_trunc("minute", "timestamp")).alias("minute_ms"),
        "log_id",
        clock.alias(CLOCK),
        F.when(clock != F.col("timestamp"), 1).alias("is_ahead"),
        "level",
        F.when(has_class, F.floor(status / 100).cast("int")).alias("status_class"),
        bucket.alias("bucket"),
        # Minus zero is zero.
        F.when(is_measured, F.abs(latency)).alias("latency_ms"),
        F.when(is_measured, whole).alias("whole_ms"),
        F.when(is_measured, F.round((latency - whole) * _NS_PER_MS).cast("long")).alias("rest_ns"),
        F.when(latency.isNotNull() & ~is_measured, 1).alias("unmeasured"),
        # Spark's hash of null is a number too.
        F.when(F.col("user_id") != "", F.xxhash64("user_id")).alias("user"),
        F.when(F.col("trace_id") != "", F.xxhash64("trace_id")).alias("trace"),
    )


def minute_sums(rows: DataFrame) -> DataFrame:
    """One row a service and minute of what `measured` returned, each event of it once.

    Plans, runs nothing. `minute_rows.read_row` reads its rows.
    """
    by_bucket = rows.groupBy("service_name", "minute_ms", "bucket").agg(
        F.count(F.lit(1)).alias("events"),
        *(F.count_if(F.col("level") == level).alias(f"level_{level}") for level in LEVELS),
        *(
            F.count_if(F.col("status_class") == number).alias(f"status_{name}")
            for number, name in enumerate(STATUS_CLASSES, start=1)
        ),
        F.sum("whole_ms").alias("whole_ms"),
        F.sum("rest_ns").alias("rest_ns"),
        F.min("latency_ms").alias("latency_min_ms"),
        F.max("latency_ms").alias("latency_max_ms"),
        F.count("unmeasured").alias("unmeasured"),
        F.count("is_ahead").alias("ahead"),
        F.collect_set("user").alias("users"),
        F.collect_set("trace").alias("traces"),
    )
    is_measured = F.col("bucket") != NO_BUCKET
    summed = [
        "events",
        *(f"level_{level}" for level in LEVELS),
        *(f"status_{name}" for name in STATUS_CLASSES),
        "whole_ms",
        "rest_ns",
        "unmeasured",
        "ahead",
    ]
    return by_bucket.groupBy("service_name", "minute_ms").agg(
        *(F.sum(name).alias(name) for name in summed),
        F.min("latency_min_ms").alias("latency_min_ms"),
        F.max("latency_max_ms").alias("latency_max_ms"),
        # Of the pairs without a latency there is none.
        F.collect_list(F.when(is_measured, F.struct("bucket", "events"))).alias("buckets"),
        *(_smallest(name).alias(name) for name in ("users", "traces")),
    )


def _smallest(name: str) -> Column:
    """The smallest hashes of sets: of a union the same, whatever was united first."""
    together = F.array_distinct(F.flatten(F.collect_list(name)))
    return F.slice(F.array_sort(together), 1, KEPT_HASHES)
