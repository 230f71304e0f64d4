"""Sends what could not be read to the dead-letter topic: unchanged, with its reasons, once."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from firstcause.dead_letters import headers as dead_letter
from firstcause.settings import Settings
from spark.streaming.checkpoint import planned_at_ms

# The clocks of driver and broker may differ by less than this.
CLOCK_MARGIN_MS: Final = 60_000

# What a record's batch header and the dlq headers add to its value and key.
RECORD_OVERHEAD_BYTES: Final = 64 * 1024


class DeadLetterSink:
    """Writes unreadable records to the dead-letter topic.

    Kafka's sink alone would write them again when a batch is repeated after a crash. So the
    first batch of each run, the only one that can be a repetition, leaves out those whose source
    position is in the topic already.
    """

    def __init__(self, settings: Settings, checkpoint: Path, consumer: str) -> None:
        self._settings = settings
        self._checkpoint = checkpoint
        self._consumer = consumer
        self._first_batch_id: int | None = None

    def new_run(self) -> None:
        """To be called before a query starts: its first batch may be a repetition."""
        self._first_batch_id = None

    def write(self, unreadable: DataFrame, batch_id: int) -> None:
        """Writes rows of Kafka's source that have a column `reason` more. Blocks until acked.

        Raises:
            Exception: Spark's, when Kafka did not take all; the batch is then to be repeated.
        """
        if self._first_batch_id in (None, batch_id):
            self._first_batch_id = batch_id
            unreadable = self._without_written(unreadable, batch_id)
        headers = F.array(
            _header(dead_letter.REASON, F.col("reason")),
            _header(dead_letter.TOPIC, F.col("topic")),
            _header(dead_letter.PARTITION, F.col("partition")),
            _header(dead_letter.OFFSET, F.col("offset")),
            _header(dead_letter.CONSUMER, F.lit(self._consumer)),
        )
        limit = self._settings.kafka_max_message_bytes * 2 + RECORD_OVERHEAD_BYTES
        (
            unreadable.select("key", "value", headers.alias("headers"))
            .write.format("kafka")
            .option("kafka.bootstrap.servers", self._settings.kafka_bootstrap_servers)
            .option("kafka.acks", "all")
            .option("kafka.enable.idempotence", "true")
            .option("kafka.max.request.size", str(limit))
            .option("topic", self._settings.kafka_dead_letter_topic)
            .save()
        )

    def _without_written(self, unreadable: DataFrame, batch_id: int) -> DataFrame:
        planned = planned_at_ms(self._checkpoint, batch_id)
        if planned is None:
            return unreadable
        position = ["topic", "partition", "offset"]
        written = self._written_since(unreadable.sparkSession, planned - CLOCK_MARGIN_MS)
        return unreadable.join(F.broadcast(written), on=position, how="left_anti")

    def _written_since(self, session: SparkSession, since_ms: int) -> DataFrame:
        """Source positions of this consumer's dead letters, written since then."""
        letters = (
            session.read.format("kafka")
            .option("kafka.bootstrap.servers", self._settings.kafka_bootstrap_servers)
            .option("subscribe", self._settings.kafka_dead_letter_topic)
            .option("includeHeaders", "true")
            .option("startingTimestamp", str(since_ms))
            .option("startingOffsetsByTimestampStrategy", "latest")
            .load()
            .select(F.map_from_entries(_own("headers")).alias("header"))
        )
        return letters.where(_text(dead_letter.CONSUMER) == self._consumer).select(
            _text(dead_letter.TOPIC).alias("topic"),
            _text(dead_letter.PARTITION).cast("int").alias("partition"),
            _text(dead_letter.OFFSET).cast("long").alias("offset"),
        )


def _header(name: str, value: Column) -> Column:
    return F.struct(
        F.lit(name).alias("key"), F.encode(value.cast("string"), "UTF-8").alias("value")
    )


def _own(headers: str) -> Column:
    """Only our own headers: a key that stands twice would break the map."""
    return F.filter(headers, lambda header: header["key"].isin(*dead_letter.HEADERS))


def _text(name: str) -> Column:
    return F.decode(F.col("header").getItem(name), "UTF-8")
