"""Reads stored logs and spans of quiet times with Spark, and groups them by trace in its workers.

Read by primary key: `log_minutes` says which partitions of `logs` and `spans` there are.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Iterator, Sequence
from functools import reduce
from itertools import product
from typing import Any, Final

import pyarrow as pa
import structlog
from cassandra.cluster import Session
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from firstcause.events.log_event import LogEvent
from firstcause.events.span import Span
from firstcause.settings import Settings
from firstcause.storage.log_minutes import ServiceMinute
from root_cause.quiet_hours.quiet_stretches import TimeRange
from root_cause.quiet_hours.whole_traces import LONGEST_TRACE_MS
from root_cause.traces.event_key import LINE_ATTRIBUTES
from spark.records.stored_partitions import stored_partitions

log = structlog.get_logger(__name__)

TRACE: Final = "trace"
AT_MS: Final = "at_ms"

COLUMNS: Final = (
    TRACE,
    AT_MS,
    "service_name",
    "log_id",
    "level",
    "message",
    "logger",
    "line",
    "trace_id",
    "span_id",
    "parent_span_id",
    "latency_ms",
    "operation",
    "start_ns",
    "duration_us",
)
# A request of so many logs and spans is none, in an hour at the most.
TRACE_MAX_ROWS: Final = 50_000
_NS_PER_MS: Final = 1_000_000


def has_spans(session: Session) -> bool:
    """True when this installation stores spans."""
    keyspace = session.cluster.metadata.keyspaces[session.keyspace]
    return "spans" in keyspace.tables


def stored_rows(
    spark: SparkSession,
    settings: Settings,
    minutes: Sequence[ServiceMinute],
    stretches: Sequence[TimeRange],
    *,
    with_spans: bool,
) -> DataFrame:
    """Plans the reading of logs, and spans, in and around some times; runs nothing.

    A row of these `COLUMNS` is one log event or one span; `trace` is what belongs together.
    """
    rows = _of_logs(stored_partitions(spark, settings, "logs", minutes))
    if with_spans:
        # A service may have spans in a minute in which it says nothing.
        names, times = ({one[part] for one in minutes} for part in (0, 1))
        rows = rows.unionByName(
            _of_spans(stored_partitions(spark, settings, "spans", product(names, times)))
        )
    near = (
        F.col(AT_MS).between(one.start_ms - LONGEST_TRACE_MS, one.end_ms + LONGEST_TRACE_MS)
        for one in stretches
    )
    return rows.where(reduce(operator.or_, near)).select(*COLUMNS)


def without_endless_traces(rows: DataFrame) -> DataFrame:
    """The same rows; rows of an id that is not a trace's lose it and count singly. Blocks.

    An id that a source never changes would put all that it logs into one worker.
    """
    counts = rows.groupBy(TRACE).count().where(F.col("count") > TRACE_MAX_ROWS)
    endless = [row[TRACE] for row in counts.collect()]
    if not endless:
        return rows
    log.warning("endless_traces", count=len(endless), first=endless[0])
    is_endless = F.col(TRACE).isin(endless)
    # A span is always of a trace, a log need not be.
    of_span = F.when(F.col("log_id").isNull(), F.col("span_id"))
    return rows.withColumns(
        {
            TRACE: F.when(is_endless, F.coalesce("log_id", "span_id")).otherwise(F.col(TRACE)),
            "trace_id": F.when(is_endless, of_span).otherwise(F.col("trace_id")),
            "parent_span_id": F.when(~is_endless, F.col("parent_span_id")),
        }
    )


def _of_logs(logs: DataFrame) -> DataFrame:
    return logs.select(
        F.coalesce("trace_id", F.col("log_id").cast("string")).alias(TRACE),
        F.unix_millis("timestamp").alias(AT_MS),
        "service_name",
        F.col("log_id").cast("string").alias("log_id"),
        "level",
        "message",
        "logger",
        # Other attributes may be large, and tell nothing of the place in the code.
        F.coalesce(*(F.col("attributes").getItem(name) for name in LINE_ATTRIBUTES)).alias("line"),
        "trace_id",
        "span_id",
        "parent_span_id",
        "latency_ms",
        F.lit(None).cast("string").alias("operation"),
        F.lit(None).cast("long").alias("start_ns"),
        F.lit(None).cast("long").alias("duration_us"),
    )


def _of_spans(spans: DataFrame) -> DataFrame:
    absent = F.lit(None).cast("string")
    return spans.select(
        F.col("trace_id").alias(TRACE),
        F.expr(f"start_ns div {_NS_PER_MS}").alias(AT_MS),
        "service_name",
        absent.alias("log_id"),
        absent.alias("level"),
        absent.alias("message"),
        absent.alias("logger"),
        absent.alias("line"),
        "trace_id",
        "span_id",
        "parent_span_id",
        F.lit(None).cast("double").alias("latency_ms"),
        "operation",
        "start_ns",
        "duration_us",
    )


def read_rows(rows: Iterable[Sequence[Any]]) -> tuple[list[LogEvent], list[Span]]:
    """Events and spans of such rows, each a sequence in the order of `COLUMNS`."""
    events: list[LogEvent] = []
    spans: list[Span] = []
    for (
        _,
        at_ms,
        service_name,
        log_id,
        level,
        message,
        logger,
        line,
        trace_id,
        span_id,
        parent_span_id,
        latency_ms,
        operation,
        start_ns,
        duration_us,
    ) in rows:
        if log_id is None:
            span = Span(
                trace_id,
                span_id,
                parent_span_id,
                service_name,
                operation or "",
                start_ns,
                duration_us,
            )
            spans.append(span)
            continue
        events.append(
            LogEvent(
                log_id=log_id,
                timestamp_ms=at_ms,
                service_name=service_name,
                level=level,
                message=message,
                logger=logger,
                trace_id=trace_id,
                span_id=span_id,
                parent_span_id=parent_span_id,
                latency_ms=latency_ms,
                attributes={} if line is None else {LINE_ATTRIBUTES[0]: line},
            )
        )
    return events, spans


def rows_of_batches(batches: Iterable[Any]) -> Iterator[tuple[Any, ...]]:
    """The rows of Arrow record batches, null as None."""
    for batch in batches:
        yield from zip(*map(_values, batch.columns), strict=True)


def _values(column: Any) -> list[Any]:
    if pa.types.is_floating(column.type):
        # Pandas would make no difference between null and NaN.
        found: list[Any] = column.to_pylist()
    else:
        # Several times as fast.
        found = column.to_pandas(integer_object_nulls=True).tolist()
    return found
