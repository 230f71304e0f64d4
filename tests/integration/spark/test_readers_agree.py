"""The store job's Spark expressions and the analyzer's Python reader decide alike."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from firstcause.events.log_event import (
    LEVEL_ALIASES,
    LogEvent,
    UnreadableLogEvent,
    UnreadableReason,
    read_log_event,
)
from spark.records.log_events import LogEventReader
from tests.hostile import GOOD, HOSTILE, with_fields
from tests.integration.spark.local_spark import RECEIVED_MS, kafka_records, local_spark
from tests.integration.spark.reader_agreement import (
    ODD_JSON,
    WITHOUT_SHRINKING,
    assert_all_agree,
    bytes_with,
    same,
)

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


def without(name: str) -> bytes:
    return json.dumps({key: item for key, item in GOOD.items() if key != name}).encode()


TIMESTAMPS = st.one_of(
    st.datetimes(datetime(1890, 1, 1), datetime(2030, 1, 1)).map(lambda t: t.isoformat() + "Z"),
    st.datetimes(datetime(2026, 2, 28), datetime(2026, 3, 3)).map(
        lambda t: t.isoformat(" ") + "+05:30"
    ),
    st.from_regex(
        r"\A2026-0[0-9]-[0-3][0-9][Tt][0-2][0-9]:[0-6][0-9]:[0-6][0-9](\.[0-9]{1,9})?"
        r"([Zz]|[+-][0-2][0-9]:[0-5][0-9])?\Z"
    ),
)
FIELDS = st.sampled_from(sorted(GOOD))
MUTATED = st.one_of(
    st.builds(with_fields, st.dictionaries(FIELDS, ODD_JSON, max_size=3)),
    st.builds(lambda t: with_fields({"timestamp": t}), TIMESTAMPS),
    st.builds(lambda v: with_fields({"level": v}), st.sampled_from(sorted(LEVEL_ALIASES))),
    st.builds(without, FIELDS),
    st.builds(lambda n: json.dumps(GOOD).encode()[:n], st.integers(0, 400)),
    st.builds(
        bytes_with,
        st.integers(0, 300),
        st.integers(0, 255),
        st.just(json.dumps(GOOD).encode()),
    ),
    st.binary(max_size=30),
)


@WITHOUT_SHRINKING
@given(values=st.lists(MUTATED, min_size=150, max_size=300))
def test_both_readers_decide_alike(spark: SparkSession, values: list[bytes]) -> None:
    assert_all_agree(values, spark_reads(spark, values), assert_agree)
