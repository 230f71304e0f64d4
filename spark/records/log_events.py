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
from spark.records.json_records import (
    STRICT_JSON,
    JsonObjects,
    byte_checks,
    first_reason,
    plain_id,
    says_nothing,
    trimmed,
)

_FIELDS: Final = (
    *log_event.REQUIRED_FIELDS,
    *log_event.TEXT_FIELDS,
    *log_event.TRACE_FIELDS,
    "status_code",
    "latency_ms",
    "attributes",
)

# Every field as text: a number or nested JSON where text is due keeps its JSON text.
_SCHEMA: Final = StructType([StructField(name, StringType()) for name in _FIELDS])


class LogEventReader:
    """Parses and checks Kafka records; to be made once a Spark session and used for each batch.

    Its expressions are hundreds of objects in the JVM: making them anew takes half a second.
    """

    def __init__(self) -> None:
        self._objects = JsonObjects(_SCHEMA)
        self._event = _event().alias("event")
        self._reason = _reason().alias("reason")

    def read(self, records: DataFrame) -> DataFrame:
        """Plans the reading of `records`; runs nothing.

        Args:
            records: rows of Spark's Kafka source (`value`, `topic`, `partition`, `offset`,
                `timestamp`).

        Returns:
            The same rows with two columns more: `event`, a struct of the table `logs`' columns,
            and `reason`, the text of an `UnreadableReason` or null. Where `reason` is set,
            `event` has no meaning. Put an observation between this and a filter on `reason`:
            without such a barrier Spark pushes the filter below the parsing, and parses each
            record once for every field that a check looks at.
        """
        fields = self._objects.read(records)
        return fields.select(*(F.col(name) for name in records.columns), self._event, self._reason)


def _raw(name: str) -> Column:
    return F.col("raw").getField(name)


def _optional(name: str) -> Column:
    """A field whose empty text counts as absent."""
    return F.when(_raw(name) != "", _raw(name))


def _missing(name: str) -> Column:
    """An empty message is a message; any other required field has to say something."""
    if name == "message":
        return _raw(name).isNull()
    return says_nothing(_raw(name))


def _timestamp() -> Column:
    return F.to_timestamp(F.upper(_raw("timestamp")))


def _level() -> Column:
    aliases = F.create_map(
        *(F.lit(word) for pair in log_event.LEVEL_ALIASES.items() for word in pair)
    )
    return aliases.getItem(F.upper(trimmed(_raw("level"))))


def _attributes() -> Column:
    return F.from_json(_raw("attributes"), "map<string,string>", STRICT_JSON)


def _event() -> Column:
    timestamp = _timestamp()
    columns: dict[str, Column] = {
        "service_name": trimmed(_raw("service_name")),
        "minute": F.date_trunc("minute", timestamp),
        "shard": F.pmod(F.crc32(F.lower(_raw("log_id"))), F.lit(SHARDS)).cast("byte"),
        # Cassandra keeps milliseconds.
        "timestamp": F.date_trunc("millisecond", timestamp),
        "log_id": F.lower(_raw("log_id")),
        "level": _level(),
        "message": _raw("message"),
        **{name: _raw(name) for name in log_event.TEXT_FIELDS},
        **{name: plain_id(_optional(name)) for name in log_event.TRACE_FIELDS},
        "status_code": _optional("status_code").cast("int"),
        "latency_ms": _optional("latency_ms").cast("double"),
        # A null inside of a map is nothing that Cassandra stores.
        "attributes": F.map_filter(_attributes(), lambda _, item: item.isNotNull()),
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
        (UnreadableReason.UNKNOWN_LEVEL, _level().isNull()),
        *(
            (UnreadableReason(f"bad_{name}"), ~_optional(name).rlike(log_event.TRACE_PATTERN))
            for name in log_event.TRACE_FIELDS
        ),
        (
            UnreadableReason.BAD_STATUS_CODE,
            ~_optional("status_code").rlike(log_event.INTEGER_PATTERN),
        ),
        (
            UnreadableReason.BAD_LATENCY_MS,
            ~_optional("latency_ms").rlike(log_event.NUMBER_PATTERN),
        ),
        (
            UnreadableReason.BAD_ATTRIBUTES,
            _raw("attributes").isNotNull() & _attributes().isNull(),
        ),
    ]
    return first_reason(checks)
