"""Spark's expressions and the Python reader decide alike what a message of spans holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as F

from firstcause.events.span import Span
from firstcause.events.span_event import read_span_message
from firstcause.storage.log_partition import shard_of
from spark.records.span_events import SpanReader
from tests.hostile_spans import (
    GOOD_SPAN,
    HOSTILE_SPANS,
    OTLP_SPAN,
    encoded,
    flat,
    otlp,
    request,
    resource_of,
)
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
    records = kafka_records(spark, "spans", values)
    millis = F.transform("spans", lambda one: F.unix_millis(one["start"]))
    minutes = F.transform("spans", lambda one: F.unix_millis(one["minute"]))
    plain = F.transform("spans", lambda one: one.dropFields("start", "minute"))
    return (
        SpanReader()
        .read(records)
        .orderBy("offset")
        .select("reason", plain.alias("spans"), millis.alias("ms"), minutes.alias("minutes"))
        .collect()
    )


def assert_agree(value: bytes | None, row: Row) -> None:
    expected = read_span_message(value, RECEIVED_MS)
    assert row.reason == expected.reason, value
    assert len(row.spans) == len(expected.spans), value
    for at, (stored, span) in enumerate(zip(row.spans, expected.spans, strict=True)):
        columns: dict[str, Any] = stored.asDict()
        assert columns.pop("shard") == shard_of(span.trace_id)
        for name, item in columns.items():
            assert same(item, getattr(span, name)), (name, value)
        assert columns.keys() == set(Span.__dataclass_fields__)
        assert row.ms[at] == span.start_ns // 1_000_000
        assert row.minutes[at] == row.ms[at] // 60_000 * 60_000


def test_each_kind_of_rubbish_ends_with_its_reason(spark: SparkSession) -> None:
    rows = spark_reads(spark, [value for value, _, _ in HOSTILE_SPANS.values()])
    for (name, (value, count, reason)), row in zip(HOSTILE_SPANS.items(), rows, strict=True):
        assert (len(row.spans), row.reason) == (count, reason), name
        assert_agree(value, row)


SPANS = st.builds(
    lambda fields: {**OTLP_SPAN, **fields},
    st.dictionaries(st.sampled_from(sorted(OTLP_SPAN)), ODD_JSON, max_size=2),
)
SPAN_LISTS = st.one_of(st.lists(st.one_of(SPANS, SPANS, ODD_JSON), max_size=4), ODD_JSON)
SCOPES = st.one_of(
    ODD_JSON, st.lists(st.one_of(st.builds(lambda s: {"spans": s}, SPAN_LISTS), ODD_JSON))
)
ATTRIBUTES = st.one_of(
    ODD_JSON,
    st.lists(
        st.one_of(ODD_JSON, ODD_JSON.map(lambda value: {"key": "service.name", "value": value})),
        max_size=3,
    ),
)
RESOURCES = st.one_of(
    ODD_JSON,
    ODD_JSON.map(resource_of),
    st.builds(lambda attributes: {"attributes": attributes}, ATTRIBUTES),
    st.just(resource_of("payment")),
)
REQUESTS = st.lists(
    st.one_of(
        st.builds(lambda r, s: {"resource": r, "scopeSpans": s}, RESOURCES, SCOPES),
        SPANS.map(lambda span: request(span)["resourceSpans"][0]),
        ODD_JSON,
    ),
    max_size=3,
)
MUTATED = st.one_of(
    st.builds(
        lambda fields: flat(**fields),
        st.dictionaries(st.sampled_from(sorted(GOOD_SPAN)), ODD_JSON, max_size=3),
    ),
    SPANS.map(lambda span: encoded(request(span))),
    SPAN_LISTS.map(lambda spans: encoded(request(*spans)) if isinstance(spans, list) else b"{}"),
    REQUESTS.map(lambda resources: encoded({"resourceSpans": resources})),
    st.builds(lambda n: otlp()[:n], st.integers(0, 400)),
    st.builds(
        bytes_with,
        st.integers(0, 700),
        st.integers(0, 255),
        st.sampled_from([otlp(), flat()]),
    ),
)


@WITHOUT_SHRINKING
@given(values=st.lists(MUTATED, min_size=150, max_size=300))
def test_both_readers_decide_alike(spark: SparkSession, values: list[bytes]) -> None:
    assert_all_agree(values, spark_reads(spark, values), assert_agree)
