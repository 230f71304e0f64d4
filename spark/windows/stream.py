"""The query of the window metrics: records of Kafka, each event once, into `WindowBatch`.

An event whose clock is ahead of Kafka's by more than the watermark would make all others late. Such
an event moves the watermark no further than Kafka's own time of it; its minute is marked, since
a repetition of it would not be known again.
"""

from __future__ import annotations

from typing import Final

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from firstcause.settings import Settings
from spark.records.log_events import LogEventReader
from spark.windows.measures import CLOCK, SESSION_OPTIONS, measured

STATE_OPTIONS: Final = {
    **SESSION_OPTIONS,
    # Beside the heap, on disk: the ids of some minutes of events.
    "spark.sql.streaming.stateStore.providerClass": (
        "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
    ),
    "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
    # A row is late by the watermark at which state is dropped, not by the one before: so an event
    # that comes again is either known or late. The query has one stateful operator.
    "spark.sql.streaming.statefulOperator.allowMultiple": "false",
}
# An event again has all of them again; the clock, so that state ends with the watermark.
_IDENTITY: Final = ("service_name", "log_id", CLOCK)


class EventMeasures:
    """Reads records as measured events; to be made once a Spark session."""

    def __init__(self, settings: Settings) -> None:
        self._watermark = f"{settings.window_watermark_seconds} seconds"
        self._reader = LogEventReader()

    def of(self, records: DataFrame) -> DataFrame:
        """`measured` of the readable ones; the store job makes dead letters of the others."""
        read = self._reader.read(records)
        # The barrier that the reader asks for.
        read = read.observe("read", F.count(F.lit(1)).alias("records"))
        events = read.where(F.col("reason").isNull()).select(
            "event.*", F.col("timestamp").alias("received")
        )
        return measured(events, self._clock())

    def each_once(self, measures: DataFrame) -> DataFrame:
        """The same of a stream, without repetitions and without what the watermark has passed."""
        return measures.withWatermark(CLOCK, self._watermark).dropDuplicates(list(_IDENTITY))

    def _clock(self) -> Column:
        at, received = F.col("timestamp"), F.col("received")
        is_ahead = at > received + F.expr(f"INTERVAL {self._watermark}")
        return F.when(is_ahead, received).otherwise(at)
