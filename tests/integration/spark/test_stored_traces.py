"""An id that a source never changes is no trace: its rows are not put into one worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pyspark.sql import SparkSession

from spark.normal import stored_traces
from spark.normal.stored_traces import TRACE, without_endless_traces
from tests.integration.spark.local_spark import local_spark

pytestmark = pytest.mark.integration

SCHEMA = f"{TRACE} string, log_id string, trace_id string, span_id string, parent_span_id string"


@pytest.fixture(scope="module")
def spark() -> Iterator[SparkSession]:
    with local_spark() as session:
        yield session


def test_rows_of_an_endless_trace_stand_for_themselves(
    spark: SparkSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_traces, "TRACE_MAX_ROWS", 3)
    rows = [("whole", f"log-{n}", "whole", f"s{n}", "p") for n in range(3)]
    rows += [("endless", f"log-{n}", "endless", f"s{n}", "p") for n in range(3, 6)]
    rows += [("endless", None, "endless", f"s{n}", "p") for n in range(6, 8)]
    found = without_endless_traces(spark.createDataFrame(rows, SCHEMA)).collect()
    whole = [tuple(row) for row in found if row.trace_id == "whole"]
    assert whole == rows[:3]
    others = [row for row in found if row.trace_id != "whole"]
    assert [row[TRACE] for row in others] == ["log-3", "log-4", "log-5", "s6", "s7"]
    # A log may be of no trace; a span is of one, here of its own.
    assert [row.trace_id for row in others] == [None, None, None, "s6", "s7"]
    assert {row.parent_span_id for row in others} == {None}


def test_where_all_traces_are_whole_nothing_changes(spark: SparkSession) -> None:
    rows = spark.createDataFrame([("a", "log-1", "a", "s", None)], SCHEMA)
    assert without_endless_traces(rows) is rows
