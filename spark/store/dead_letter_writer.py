"""Writes unreadable records to the dead-letter topic: unchanged, with reasons, each once."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from firstcause.dead_letters import headers as dead_letter
from firstcause.settings import Settings
from spark.store.halving import Position
from spark.store.written_letters import IDENTITY, EarlierLetters, WrittenLetters, digest_of
from spark.streaming.checkpoint import planned_at_ms

# The clocks of driver and broker may differ by less than this.
CLOCK_MARGIN_MS: Final = 60_000

# What a record's batch header and the dlq headers add to its value and key.
RECORD_OVERHEAD_BYTES: Final = 64 * 1024


class DeadLetterWriter:
    """Writes unreadable records to the dead-letter topic.

    Kafka's sink alone would write them again when a batch is repeated after a crash. So the
    first batch of each run, the only one that can be a repetition, leaves out those that are in the
    topic already; and so does each batch of a new checkpoint that reads old records again.
    """

    def __init__(self, settings: Settings, checkpoint: Path, consumer: str) -> None:
        self._settings = settings
        self._checkpoint = checkpoint
        self._consumer = consumer
        self._written = WrittenLetters(settings, consumer)
        self._earlier = EarlierLetters(self._written, checkpoint)
        self._first_batch_id: int | None = None

    def new_run(self) -> None:
        """To be called before a query starts: its first batch may be a repetition."""
        self._first_batch_id = None
        self._earlier.new_run()

    def write(
        self,
        unreadable: DataFrame,
        batch_id: int,
        *,
        is_repeated: bool = False,
        error: str | None = None,
    ) -> None:
        """Writes rows of Kafka's source that have a column `reason` more. Blocks until acked.

        Args:
            unreadable: the rows.
            batch_id: Spark's number of the batch.
            is_repeated: some of them may be written already, though the run has had batches.
            error: what goes with the reason, for all of them.

        Raises:
            Exception: Spark's, when Kafka did not take all; the batch is then to be repeated.
        """
        if self._first_batch_id is None:
            self._first_batch_id = batch_id
        is_repeated = is_repeated or self._first_batch_id == batch_id
        unreadable = self._without_written(unreadable, batch_id, is_repeated=is_repeated)
        headers = F.array(
            _header(dead_letter.REASON, F.col("reason")),
            _header(dead_letter.TOPIC, F.col("topic")),
            _header(dead_letter.PARTITION, F.col("partition")),
            _header(dead_letter.OFFSET, F.col("offset")),
            _header(dead_letter.CONSUMER, F.lit(self._consumer)),
            *([] if error is None else [_header(dead_letter.ERROR, F.lit(error))]),
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

    def not_storable(self, session: SparkSession, batch_id: int) -> set[Position]:
        """Records of the batch that an earlier try gave up as not storable. Blocks."""
        planned = planned_at_ms(self._checkpoint, batch_id)
        if planned is None:
            return set()
        letters = self._written.since(session, planned - CLOCK_MARGIN_MS)
        given_up = letters.where(F.col("reason") == dead_letter.NOT_STORABLE)
        rows = given_up.select("partition", "offset").collect()
        return {Position(row.partition, row.offset) for row in rows}

    def _without_written(
        self, unreadable: DataFrame, batch_id: int, *, is_repeated: bool
    ) -> DataFrame:
        session = unreadable.sparkSession
        planned = planned_at_ms(self._checkpoint, batch_id)
        held_against = [self._earlier.letters(session)]
        if is_repeated and planned is not None:
            recent = self._written.since(session, planned - CLOCK_MARGIN_MS)
            held_against.append(F.broadcast(recent))
        unreadable = unreadable.withColumn("digest", digest_of(F.col("value")))
        for letters in held_against:
            if letters is not None:
                written = letters.select(*IDENTITY)
                unreadable = unreadable.join(written, on=list(IDENTITY), how="left_anti")
        return unreadable


def _header(name: str, value: Column) -> Column:
    return F.struct(
        F.lit(name).alias("key"), F.encode(value.cast("string"), "UTF-8").alias("value")
    )
