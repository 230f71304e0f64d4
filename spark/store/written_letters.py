"""Reads which dead letters a job has already written to the topic."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as F

from firstcause.dead_letters import headers as dead_letter
from firstcause.settings import Settings
from spark.streaming.checkpoint import committed_offsets, is_new

# What tells a letter: where its record lay and, since a topic that was made anew counts from 0
# again, what it held.
IDENTITY: Final = ("topic", "partition", "offset", "digest")
_MARK: Final = "letters_of_an_earlier_checkpoint"


def digest_of(value: Column) -> Column:
    """A hash of a record's bytes."""
    return F.xxhash64(value)


class WrittenLetters:
    """Reads one consumer's letters from the topic."""

    def __init__(self, settings: Settings, consumer: str) -> None:
        self._settings = settings
        self._consumer = consumer

    def since(self, session: SparkSession, since_ms: int | None) -> DataFrame:
        """`IDENTITY` and `reason` of the letters written since then (ms), or ever. Runs nothing."""
        reader = (
            session.read.format("kafka")
            .option("kafka.bootstrap.servers", self._settings.kafka_bootstrap_servers)
            .option("subscribe", self._settings.kafka_dead_letter_topic)
            .option("includeHeaders", "true")
            # Old letters may expire while they are read; those need no guard.
            .option("failOnDataLoss", "false")
        )
        if since_ms is not None:
            reader = reader.option("startingTimestamp", str(since_ms)).option(
                "startingOffsetsByTimestampStrategy", "latest"
            )
        letters = reader.load().select(
            F.map_from_entries(_own("headers")).alias("header"),
            digest_of(F.col("value")).alias("digest"),
        )
        return letters.where(_text(dead_letter.CONSUMER) == self._consumer).select(
            _text(dead_letter.TOPIC).alias("topic"),
            _text(dead_letter.PARTITION).cast("int").alias("partition"),
            _text(dead_letter.OFFSET).cast("long").alias("offset"),
            "digest",
            _text(dead_letter.REASON).alias("reason"),
        )


class EarlierLetters:
    """Dead letters from before a new checkpoint, which reads their records again.

    After a checkpoint is moved away, the job reads from the earliest offset. Until it has passed
    the source positions of those letters, each batch may contain a record whose letter is already
    written. A mark in the checkpoint records this and survives a restart.
    """

    def __init__(self, written: WrittenLetters, checkpoint: Path) -> None:
        self._written = written
        self._checkpoint = checkpoint
        self._letters: DataFrame | None = None
        self._ends: dict[tuple[str, int], int] = {}

    def new_run(self) -> None:
        """To be called before a query starts."""
        if is_new(self._checkpoint):
            self._checkpoint.mkdir(parents=True, exist_ok=True)
            (self._checkpoint / _MARK).touch()
        self._forget()

    def letters(self, session: SparkSession) -> DataFrame | None:
        """Those letters, as `WrittenLetters.since` has them; None once the job is past them."""
        mark = self._checkpoint / _MARK
        if not mark.exists():
            return None
        if self._letters is None:
            self._letters = self._written.since(session, None).persist()
            last = self._letters.groupBy("topic", "partition").agg(F.max("offset").alias("last"))
            self._ends = {(row.topic, row.partition): row.last for row in last.collect()}
        committed = committed_offsets(self._checkpoint)
        if all(committed.get(place, 0) > last for place, last in self._ends.items()):
            mark.unlink()
            self._forget()
        return self._letters

    def _forget(self) -> None:
        if self._letters is not None:
            self._letters.unpersist()
        self._letters = None


def _own(headers: str) -> Column:
    """Only our own headers: a key that stands twice would break the map."""
    return F.filter(headers, lambda header: header["key"].isin(*dead_letter.HEADERS))


def _text(name: str) -> Column:
    return F.decode(F.col("header").getItem(name), "UTF-8")
