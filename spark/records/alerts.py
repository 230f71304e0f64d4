"""Reads Kafka records as alerts, with Spark expressions only."""

from __future__ import annotations

from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import StringType, StructField, StructType

from firstcause.events import log_event
from firstcause.events.alert_reason import REQUIRED_FIELDS, UnreadableAlertReason
from spark.records.json_records import JsonObjects, byte_checks, first_reason, says_nothing, trimmed

# Of whoever sends them; what else an alert has is none of a reader's business here.
_RESOLVED: Final = "resolved_at"
_SCHEMA: Final = StructType(
    [StructField(name, StringType()) for name in (*REQUIRED_FIELDS, _RESOLVED)]
)


class AlertReader:
    """Parses and checks Kafka records; to be made once a Spark session."""

    def __init__(self) -> None:
        self._objects = JsonObjects(_SCHEMA)
        self._reason = _reason()

    def read(self, records: DataFrame) -> DataFrame:
        """Plans the reading of rows of Spark's Kafka source; runs nothing.

        Messages that say the end of an alert are left out: the alert was told before.

        Returns:
            The same rows with `alert_id`, `service_name` and `event_ms` (since the epoch), and
            `reason`: the text of an `UnreadableAlertReason`, or null. Where it is set, the other
            three are null.
        """
        read = self._objects.read(records).withColumn("reason", self._reason)
        read = read.where(F.col("reason").isNotNull() | says_nothing(_raw(_RESOLVED)))
        is_alert = F.col("reason").isNull()
        return read.select(
            *records.columns,
            F.when(is_alert, _raw("alert_id")).alias("alert_id"),
            F.when(is_alert, trimmed(_raw("service_name"))).alias("service_name"),
            F.when(is_alert, F.unix_millis(_event_time())).alias("event_ms"),
            "reason",
        )


def _raw(name: str) -> Column:
    return F.col("raw").getField(name)


def _event_time() -> Column:
    return F.to_timestamp(F.upper(_raw("event_time")))


def _reason() -> Column:
    limit = F.col("timestamp") + F.expr(f"INTERVAL {log_event.FUTURE_LIMIT_MS} MILLISECOND")
    return first_reason(
        [
            *byte_checks(),
            *(
                (UnreadableAlertReason(f"missing_{name}"), says_nothing(_raw(name)))
                for name in REQUIRED_FIELDS
            ),
            (
                UnreadableAlertReason.BAD_EVENT_TIME,
                ~_raw("event_time").rlike(log_event.TIMESTAMP_PATTERN) | _event_time().isNull(),
            ),
            (UnreadableAlertReason.EVENT_TIME_IN_FUTURE, _event_time() > limit),
            (
                UnreadableAlertReason.SERVICE_NAME_TOO_LONG,
                F.length(trimmed(_raw("service_name"))) > log_event.SERVICE_NAME_MAX_CHARS,
            ),
        ]
    )
