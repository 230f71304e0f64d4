"""Stores one micro-batch: readable records in Cassandra, the others on the dead-letter topic."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import orjson
import structlog
from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F

from firstcause.settings import Settings
from spark.store.dead_letter_writer import DeadLetterSink

# So many unreadable records of a batch are looked for by offset.
POSITIONS_MAX: Final = 5_000

log = structlog.get_logger(__name__)


class Content(Protocol):
    """What a job stores: how its records are read, and where they go."""

    @property
    def table(self) -> str:
        """The table that takes the rows."""

    def read(self, records: DataFrame) -> DataFrame:
        """Plans the reading of records of Kafka's source; runs nothing.

        The same rows with more columns, one of them `reason`: why a record is a dead letter, or
        null.
        """

    def rows(self, read: DataFrame) -> DataFrame:
        """The rows of the table in what `read` returned."""

    def observed(self) -> Mapping[str, Column]:
        """Aggregates over what `read` returned, by name; `finish` gets them."""

    def finish(self, counts: Mapping[str, Any]) -> Mapping[str, int]:
        """Writes what goes with the rows, which are durable now; blocks. May be repeated.

        Returns:
            Figures of the batch for the log.
        """


class StoreBatch:
    """Stores micro-batches of one content; what Spark's `foreachBatch` calls."""

    def __init__(self, settings: Settings, content: Content, dead_letters: DeadLetterSink) -> None:
        self._settings = settings
        self._content = content
        self._dead_letters = dead_letters

    def __call__(self, records: DataFrame, batch_id: int) -> None:
        """Writes what is readable to Cassandra, unreadable records to the dead-letter topic.

        Blocks until both are durable; raises whatever either raises, and Spark then repeats
        the batch. One pass over the records; where some can't be read, a second one that parses
        only those, unless they are very many.
        """
        unreadable = F.col("reason").isNotNull()
        seen = Observation("seen")
        observed = self._content.read(records).observe(
            seen,
            F.count(F.lit(1)).alias("records"),
            F.count("reason").alias("unreadable"),
            # As text, since py4j hands arrays over as objects of the JVM.
            F.to_json(F.collect_list(F.when(unreadable, _position()))).alias("positions"),
            *(column.alias(name) for name, column in self._content.observed().items()),
        )
        (
            self._content.rows(observed)
            .write.format("org.apache.spark.sql.cassandra")
            .option("keyspace", self._settings.cassandra_keyspace)
            .option("table", self._content.table)
            .mode("append")
            .save()
        )
        counts = seen.get
        if counts["unreadable"]:
            some = records.where(_is_at(orjson.loads(counts["positions"])))
            # The barrier that the reader asks for, also where all of the batch is read again.
            again = self._content.read(some).observe(
                "read_again", F.count(F.lit(1)).alias("records")
            )
            self._dead_letters.write(again.where(unreadable), batch_id)
        log.info(
            "batch_stored",
            batch_id=batch_id,
            records=counts["records"],
            dead_letters=counts["unreadable"],
            **self._content.finish(counts),
        )


def _position() -> Column:
    return F.struct("partition", "offset")


def _is_at(positions: Sequence[Mapping[str, int]]) -> Column:
    """Whether a record of the topic is at one of these; true for all when they are very many."""
    if len(positions) > POSITIONS_MAX:
        return F.lit(True)
    offsets: dict[int, list[str]] = defaultdict(list)
    for position in positions:
        offsets[position["partition"]].append(str(position["offset"]))
    # As text: a thousand values one by one would be a thousand calls into the JVM.
    return F.expr(
        " OR ".join(
            f"(partition = {partition} AND offset IN ({', '.join(those)}))"
            for partition, those in offsets.items()
        )
    )
