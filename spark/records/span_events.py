"""Reads Kafka records as spans, with Spark expressions only.

Decides exactly as `firstcause.events.span_event.read_span_message` does: same fields, same
reasons, same order. `tests/integration/spark/test_span_readers_agree.py` holds the two
against each other.
"""

from __future__ import annotations

from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StringType, StructField, StructType

from firstcause.events import span_event
from firstcause.events.log_event import FUTURE_LIMIT_MS, SERVICE_NAME_MAX_CHARS
from firstcause.events.span_event import UnreadableSpanReason
from firstcause.storage.log_partition import SHARDS
from spark.records import log_fields
from spark.records.json_records import (
    JsonObjects,
    byte_checks,
    first_reason,
    parsed,
    says_nothing,
    trimmed,
)


def _fields(**types: StructType | ArrayType | StringType) -> StructType:
    return StructType([StructField(name, kind) for name, kind in types.items()])


def _texts(*names: str) -> StructType:
    """Every field as text: a number where text is due keeps its JSON text."""
    return _fields(**dict.fromkeys(names, StringType()))


# Which form a message has is seen from the text of `resourceSpans`.
_FLAT: Final = _texts(*span_event.FLAT_FIELDS, "resourceSpans")

# One wrong type anywhere makes all of it null.
_ATTRIBUTE: Final = _fields(key=StringType(), value=_texts("stringValue"))
_RESOURCE_SPANS: Final = _fields(
    resource=_fields(attributes=ArrayType(_ATTRIBUTE)),
    scopeSpans=ArrayType(_fields(spans=ArrayType(_texts(*span_event.OTLP_FIELDS.values())))),
)
_REQUEST: Final = _fields(resourceSpans=ArrayType(_RESOURCE_SPANS))


class SpanReader:
    """Parses and checks Kafka records; to be made once a Spark session and used for each batch."""

    def __init__(self) -> None:
        self._objects = JsonObjects(_FLAT)
        self._request = parsed(_REQUEST).getItem(0)
        self._texts = F.when(
            F.col("raw.resourceSpans").isNull(), F.array(_of_flat(F.col("raw")))
        ).otherwise(_of_otlp(F.col("request.resourceSpans")))
        self._checked = F.transform("texts", _checked)
        self._spans = F.transform(
            F.filter("checked", lambda one: one["reason"].isNull()), lambda one: one["span"]
        )
        reasons = F.filter(F.transform("checked", lambda one: one["reason"]), F.isnotnull)
        self._reason = first_reason(
            [*byte_checks(), (UnreadableSpanReason.NOT_OTLP, F.col("checked").isNull())]
        ).otherwise(reasons.getItem(0))

    def read(self, records: DataFrame) -> DataFrame:
        """Plans the reading of `records`; runs nothing.

        Args:
            records: rows of Spark's Kafka source (`value`, `topic`, `partition`, `offset`,
                `timestamp`).

        Returns:
            The same rows with two columns more: `spans`, an array of structs of the table
            `spans`' columns, those that can be read; and `reason`, why the first of the others
            can't, the text of an `UnreadableSpanReason` or null. Put an observation behind this,
            as behind `LogEventReader.read`.
        """
        checked = (
            self._objects.read(records)
            .withColumn("request", self._request)
            .withColumn("texts", self._texts)
            .withColumn("checked", self._checked)
        )
        readable = F.when(F.col("readable_utf8") & F.col("readable_json"), self._spans)
        return checked.select(
            *(F.col(name) for name in records.columns),
            F.coalesce(readable, F.array()).alias("spans"),
            self._reason.alias("reason"),
        )


def _of_flat(raw: Column) -> Column:
    texts = {name: raw.getField(name) for name in span_event.FLAT_FIELDS}
    return _text(end_ns=F.lit(None), **texts)


def _of_otlp(resources: Column) -> Column:
    """The spans of all resources and scopes in one array; null when one of these is not of OTLP."""

    def of_scope(scope: Column, service_name: Column) -> Column:
        return F.transform(scope["spans"], lambda span: of_span(span, service_name))

    def of_span(span: Column, service_name: Column) -> Column:
        texts = {name: span.getField(key) for name, key in span_event.OTLP_FIELDS.items()}
        return _text(service_name=service_name, duration_us=F.lit(None), **texts)

    def of_resource(resource: Column) -> Column:
        service_name = _service_name(resource)
        scopes = F.transform(resource["scopeSpans"], lambda scope: of_scope(scope, service_name))
        return F.flatten(scopes)

    return F.flatten(F.transform(resources, of_resource))


def _service_name(resource: Column) -> Column:
    named = F.filter(
        resource["resource"]["attributes"], lambda one: one["key"] == span_event.SERVICE_ATTRIBUTE
    )
    return named.getItem(0)["value"]["stringValue"]


def _text(**texts: Column) -> Column:
    """A `SpanText`; its fields in one order, so that both forms make one type."""
    return F.struct(*(texts[name].cast("string").alias(name) for name in sorted(texts)))


def _checked(text: Column) -> Column:
    return F.struct(_span(text).alias("span"), _span_reason(text).alias("reason"))


def _nanoseconds(text: Column) -> Column:
    """As a number; null if it is not a number or exceeds a bigint."""
    return F.when(text.rlike(span_event.NANOSECONDS_PATTERN), text.cast("bigint"))


def _timed(text: Column) -> Column:
    return F.coalesce(text["duration_us"], text["end_ns"])


def _duration_us(text: Column) -> Column:
    told = F.when(
        text["duration_us"].rlike(span_event.MICROSECONDS_PATTERN),
        text["duration_us"].cast("bigint"),
    )
    start_ns, end_ns = _nanoseconds(text["start_ns"]), _nanoseconds(text["end_ns"])
    measured = F.when(end_ns >= start_ns, _div(end_ns - start_ns, 1_000))
    return F.when(text["duration_us"].isNotNull(), told).otherwise(measured)


def _span(text: Column) -> Column:
    start_ns = _nanoseconds(text["start_ns"])
    start = F.timestamp_millis(_milliseconds(start_ns))
    columns: dict[str, Column] = {
        "service_name": trimmed(text["service_name"]),
        "minute": F.date_trunc("minute", start),
        # All spans of a trace lie together.
        "shard": F.pmod(F.crc32(log_fields.trace_id(text["trace_id"])), F.lit(SHARDS)).cast("byte"),
        "start": start,
        "trace_id": log_fields.trace_id(text["trace_id"]),
        "span_id": log_fields.span_id(text["span_id"]),
        "parent_span_id": log_fields.span_id(text["parent_span_id"]),
        "operation": F.coalesce(text["operation"], F.lit("")),
        "start_ns": start_ns,
        "duration_us": _duration_us(text),
    }
    return F.struct(*(column.alias(name) for name, column in columns.items()))


def _milliseconds(nanoseconds: Column) -> Column:
    return _div(nanoseconds, 1_000_000)


def _div(number: Column, by: int) -> Column:
    """Whole numbers only: a double has too few digits for nanoseconds since the epoch."""
    return F.call_function("div", number, F.lit(by))


def _span_reason(text: Column) -> Column:
    reasons = UnreadableSpanReason
    start_ns = _nanoseconds(text["start_ns"])
    limit = F.unix_millis("timestamp") + F.lit(FUTURE_LIMIT_MS)
    parent = text["parent_span_id"]
    bad_parent = ~log_fields.says_no_id(parent) & log_fields.span_id(parent).isNull()
    return first_reason(
        [
            (reasons.MISSING_TRACE_ID, says_nothing(text["trace_id"])),
            (reasons.MISSING_SPAN_ID, says_nothing(text["span_id"])),
            (reasons.MISSING_SERVICE_NAME, says_nothing(text["service_name"])),
            (reasons.MISSING_START, says_nothing(text["start_ns"])),
            (reasons.MISSING_DURATION, says_nothing(_timed(text))),
            (reasons.BAD_TRACE_ID, log_fields.trace_id(text["trace_id"]).isNull()),
            (reasons.BAD_SPAN_ID, log_fields.span_id(text["span_id"]).isNull()),
            (reasons.BAD_PARENT_SPAN_ID, bad_parent),
            (
                reasons.SERVICE_NAME_TOO_LONG,
                F.length(trimmed(text["service_name"])) > SERVICE_NAME_MAX_CHARS,
            ),
            (reasons.BAD_START, start_ns.isNull()),
            (reasons.START_IN_FUTURE, _milliseconds(start_ns) > limit),
            (reasons.BAD_DURATION, _duration_us(text).isNull()),
        ]
    )
