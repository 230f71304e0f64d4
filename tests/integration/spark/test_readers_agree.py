"""The store job's Spark expressions and the analyzer's Python reader decide alike."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from alerting.log_anomaly import log_anomaly
from firstcause.events.log_event import (
    LEVELS,
    LogEvent,
    UnreadableLogEvent,
    UnreadableReason,
    read_log_event,
)
from spark.records import log_anomaly as scored
from spark.records.log_events import LogEventReader
from tests.hostile import HOSTILE
from tests.integration.spark.hostile_values import HOSTILE_VALUES
from tests.integration.spark.local_spark import RECEIVED_MS, kafka_records, local_spark
from tests.integration.spark.reader_agreement import WITHOUT_SHRINKING, assert_all_agree, same

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    with local_spark() as session:
        yield session


def spark_reads(spark: SparkSession, values: list[bytes | None]) -> list[Row]:
    records = kafka_records(spark, "logs", values)
    return (
        LogEventReader()
        .read(records)
        .orderBy("offset")
        .select(
            "reason",
            F.when(
                F.col("reason").isNull(), F.col("event").dropFields("timestamp", "minute")
            ).alias("event"),
            F.unix_millis("event.timestamp").alias("ms"),
        )
        .collect()
    )


def python_reads(value: bytes | None) -> LogEvent | UnreadableReason:
    try:
        return read_log_event(value, RECEIVED_MS)
    except UnreadableLogEvent as error:
        return error.reason


def assert_agree(value: bytes | None, row: Row) -> None:
    decision = python_reads(value)
    if isinstance(decision, UnreadableReason):
        assert row.reason == decision.value, (value, decision)
        return
    assert row.reason is None, (value, row.reason)
    stored: dict[str, Any] = row.event.asDict()
    assert row.ms == decision.timestamp_ms, value
    attributes = stored.pop("attributes") or {}
    assert attributes.keys() == decision.attributes.keys(), value
    assert all(same(text, decision.attributes[key]) for key, text in attributes.items()), value
    stored.pop("shard")
    for name, text in stored.items():
        assert same(text, getattr(decision, name)), (name, value)


def test_each_kind_of_rubbish_ends_with_its_reason(spark: SparkSession) -> None:
    rows = spark_reads(spark, [value for value, _ in HOSTILE.values()])
    for (name, (value, reason)), row in zip(HOSTILE.items(), rows, strict=True):
        assert row.reason == reason, name
        assert_agree(value, row)


@WITHOUT_SHRINKING
@given(values=st.lists(HOSTILE_VALUES, min_size=150, max_size=300))
def test_both_readers_decide_alike(spark: SparkSession, values: list[bytes]) -> None:
    assert_all_agree(values, spark_reads(spark, values), assert_agree)


SCORED = "level string, status_code int, latency_ms double, error_code string"
BOUNDS = (3_000.0, 6_000.0, 12_000.0)
SCORED_FIELDS = st.tuples(
    st.sampled_from([*LEVELS, "error", "WARNING", ""]),
    st.none() | st.integers(390, 510) | st.integers(-(2**31), 2**31 - 1),
    st.none()
    | st.sampled_from([*BOUNDS, *(math.nextafter(one, math.inf) for one in BOUNDS), math.nan])
    | st.floats(0, 20_000)
    | st.floats(),
    st.none() | st.sampled_from(["", "0", " ", "00", "E-1"]) | st.text(max_size=5),
)


@WITHOUT_SHRINKING
@given(events=st.lists(SCORED_FIELDS, min_size=150, max_size=300))
def test_both_score_an_event_alike(
    spark: SparkSession, events: list[tuple[str, int | None, float | None, str | None]]
) -> None:
    event = F.struct("*")
    rows = (
        # One partition keeps the order.
        spark.createDataFrame(events, SCORED)
        .coalesce(1)
        .select(scored.score(event).alias("score"), scored.severity(event).alias("severity"))
        .collect()
    )
    expected = [log_anomaly(*one) for one in events]
    assert [(one.score, one.severity) for one in expected] == [tuple(row) for row in rows]
