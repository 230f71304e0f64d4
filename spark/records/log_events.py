"""Reads Kafka records as log events, with Spark expressions only.

Decides exactly as `firstcause.events.log_event.read_log_event` does: same fields, same reasons,
same order. `tests/integration/spark/test_readers_agree.py` holds the two against each other.
"""

from __future__ import annotations

from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from firstcause.events import log_event
from firstcause.events.log_event import UnreadableReason
from firstcause.storage.log_partition import SHARDS
from spark.records import log_fields
from spark.records.json_records import JsonObjects, byte_checks, first_reason, says_nothing, trimmed

_FIELDS: Final = (
    *log_event.REQUIRED_FIELDS,
    *log_event.TEXT_FIELDS,
    *log_event.TRACE_FIELDS,
    "status_code",
    "latency_ms",
    "attributes",
)

# What costs the field where it can't be read, and not the event.
ODD_FIELDS: Final = ("level", *log_event.TRACE_FIELDS, "status_code", "latency_ms", "attributes")

# Every field as text: a number or nested JSON where text is due keeps its JSON text.
_SCHEMA: Final = StructType([StructField(name, StringType()) for name in _FIELDS])


class LogEventReader:
    """Parses and checks Kafka records; to be made once a Spark session and used for each batch.

    Its expressions are hundreds of objects in the JVM: making them again takes half a second.
    """

    def __init__(self) -> None:
        self._objects = JsonObjects(_SCHEMA)
        self._fields = F.struct(*(one.alias(name) for name, one in _fields().items()))
        self._odd = F.struct(*(one.alias(name) for name, one in _odd().items())).alias("odd")
        self._event = _event().alias("event")
        self._reason = _reason().alias("reason")

    def read(self, records: DataFrame) -> DataFrame:
        """Plans the reading of `records`; runs nothing.

        Args:
            records: rows of Spark's Kafka source (`value`, `topic`, `partition`, `offset`,
                `timestamp`).

        Returns:
            The same rows with three columns more: `event`, a struct of the table `logs`' columns;
            `odd`, a struct of `ODD_FIELDS`, each the text that could not be read or null; and
            `reason`, the text of an `UnreadableReason` or null. Where `reason` is set, the other
            two have no meaning. Put an observation between this and a filter on `reason`:
            without such a barrier Spark pushes the filter below the parsing, and parses each
            record once for every field that a check looks at.
        """
        # Columns of their own, so that each is computed once and not wherever it is looked at.
        fields = self._objects.read(records).withColumn("fields", self._fields)
        given = [F.col(name) for name in records.columns]
        read = fields.select("*", self._odd)
        return read.select(*given, "odd", self._event, self._reason)


def _raw(name: str) -> Column:
    return F.col("raw").getField(name)


def _told(name: str) -> Column:
    """A field whose empty text counts as absent."""
    return log_fields.told(_raw(name))


def _missing(name: str) -> Column:
    return _raw(name).isNull() if name in log_event.MAY_BE_EMPTY else says_nothing(_raw(name))


def _timestamp() -> Column:
    return F.to_timestamp(F.upper(_raw("timestamp")))


def _id(name: str) -> Column:
    read = log_fields.trace_id if name == "trace_id" else log_fields.span_id
    return read(_told(name))


def _fields() -> dict[str, Column]:
    """Each of `ODD_FIELDS` as it is stored; null where it is absent or odd."""
    return {
        "level": log_fields.level(_raw("level")),
        **{name: _id(name) for name in log_event.TRACE_FIELDS},
        "status_code": log_fields.integer(_told("status_code")),
        "latency_ms": log_fields.number(_told("latency_ms")),
        "attributes": log_fields.attributes(_told("attributes")),
    }


def _odd() -> dict[str, Column]:
    """What was sent in each odd field; null in the others."""
    odd = {}
    for name in ODD_FIELDS:
        text = _raw(name) if name == "level" else _told(name)
        is_odd = text.isNotNull() & F.col("fields").getField(name).isNull()
        if name in log_event.TRACE_FIELDS:
            is_odd &= ~log_fields.says_no_id(text)
        odd[name] = F.when(is_odd, text)
    return odd


def _event() -> Column:
    timestamp = _timestamp()
    fields = {name: F.col("fields").getField(name) for name in ODD_FIELDS}
    odd = {name: F.col("odd").getField(name) for name in ODD_FIELDS}
    guessed = log_fields.guessed_level(_raw("level"), _raw("message"), _raw("exception"))
    columns: dict[str, Column] = {
        "service_name": trimmed(_raw("service_name")),
        "minute": F.date_trunc("minute", timestamp),
        "shard": F.pmod(F.crc32(F.lower(_raw("log_id"))), F.lit(SHARDS)).cast("byte"),
        # Cassandra keeps milliseconds.
        "timestamp": F.date_trunc("millisecond", timestamp),
        "log_id": F.lower(_raw("log_id")),
        **fields,
        "level": F.coalesce(fields["level"], guessed),
        "message": _raw("message"),
        **{name: _raw(name) for name in log_event.TEXT_FIELDS},
        "attributes": log_fields.with_odd(fields["attributes"], odd),
    }
    return F.struct(*(column.alias(name) for name, column in columns.items()))


def _reason() -> Column:
    """The first reason that applies; null when the record is a log event."""
    limit = F.col("timestamp") + F.expr(f"INTERVAL {log_event.FUTURE_LIMIT_MS} MILLISECOND")
    checks: list[tuple[str, Column]] = [
        *byte_checks(),
        *(
            (UnreadableReason(f"missing_{name}"), _missing(name))
            for name in log_event.REQUIRED_FIELDS
        ),
        (UnreadableReason.BAD_LOG_ID, ~_raw("log_id").rlike(log_event.LOG_ID_PATTERN)),
        (
            UnreadableReason.BAD_TIMESTAMP,
            ~_raw("timestamp").rlike(log_event.TIMESTAMP_PATTERN) | _timestamp().isNull(),
        ),
        (UnreadableReason.TIMESTAMP_IN_FUTURE, _timestamp() > limit),
        (
            UnreadableReason.SERVICE_NAME_TOO_LONG,
            F.length(trimmed(_raw("service_name"))) > log_event.SERVICE_NAME_MAX_CHARS,
        ),
    ]
    return first_reason(checks)
