"""Spark in the test's own process, for expressions without a job."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from pyspark.sql import DataFrame, SparkSession

from spark.records.json_records import SESSION_OPTIONS

RECEIVED = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
RECEIVED_MS = int(RECEIVED.timestamp() * 1000)


@contextmanager
def local_spark() -> Iterator[SparkSession]:
    """A session with the jobs' own options."""
    builder = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
    )
    for name, value in SESSION_OPTIONS.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    yield session
    session.stop()


def kafka_records(spark: SparkSession, topic: str, values: list[bytes | None]) -> DataFrame:
    """Messages as Spark reads them from Kafka, received at `RECEIVED`; offsets count from 0."""
    rows = [(None, value, topic, 0, offset, RECEIVED) for offset, value in enumerate(values)]
    return spark.createDataFrame(
        rows,
        "key binary, value binary, topic string, partition int, offset long, timestamp timestamp",
    )
