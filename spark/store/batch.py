"""Stores one micro-batch: readable records in Cassandra, the others in the dead-letter topic."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Protocol

import orjson
import structlog
from pyspark.sql import Column, DataFrame, Observation
from pyspark.sql import functions as F

from firstcause.dead_letters import headers
from firstcause.settings import Settings
from spark.store.dead_letter_writer import DeadLetterWriter
from spark.store.failure import is_of_data
from spark.store.halving import HalvingSearch, Position, run_and_give_up
from spark.store.positions import is_at, is_within, part_of, position
from spark.streaming.query import shortest_reason

# Else the table's own lifetime holds.
TTL_OPTION: Final = "spark.cassandra.output.ttl"
PROBE_TTL_SECONDS: Final = 60
# No service has this name.
PROBE_SERVICE: Final = "firstcause.probe"

log = structlog.get_logger(__name__)


class Content(Protocol):
    """What a job stores: how it reads records, and which rows of which table they give."""

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

    def probe(self) -> bytes:
        """The value of a harmless record, which is stored to see that records can be; blocks.

        Whatever the storing of it leaves behind is seen by nobody who reads records. Raises the
        driver's errors.
        """

    def finish(self, counts: Mapping[str, Any]) -> Mapping[str, int]:
        """Writes further rows after the content's rows are durable; blocks. May be repeated.

        Returns:
            Figures of the batch for the log.
        """


class StoreBatch:
    """Stores micro-batches of one content; what Spark's `foreachBatch` calls.

    `check` raises when a service is away. `search_seconds` bounds the search of one call for the
    records that make a batch fail; the next call with the same batch goes on where it stopped.
    `after_batch` is called when one is stored.
    """

    def __init__(
        self,
        settings: Settings,
        content: Content,
        dead_letters: DeadLetterWriter,
        check: Callable[[], None],
        search_seconds: float,
        after_batch: Callable[[], None] = lambda: None,
    ) -> None:
        self._settings = settings
        self._content = content
        self._dead_letters = dead_letters
        self._check = check
        self._search_seconds = search_seconds
        self._after_batch = after_batch
        self._search: tuple[int, HalvingSearch] | None = None

    def __call__(self, records: DataFrame, batch_id: int) -> None:
        """Writes what is readable to Cassandra, all other records to the dead-letter topic.

        Blocks until both are durable. Where the batch fails for a reason in its data, the records
        at fault are looked for, and become dead letters. Raises what else either raises, and Spark
        then repeats the batch.
        """
        if self._search is None or self._search[0] != batch_id:
            self._search = None
            try:
                figures = self._store(records, batch_id)
            except Exception as error:
                if not is_of_data(error):
                    raise
                self._check()
                log.warning("batch_searched", batch_id=batch_id, error=shortest_reason(str(error)))
            else:
                log.info("batch_stored", batch_id=batch_id, **figures)
                self._after_batch()
                return
        self._store_in_parts(records, batch_id)
        self._after_batch()

    def _store_in_parts(self, records: DataFrame, batch_id: int) -> None:
        # Kept, since each part would read all of the batch from Kafka, and parse it, anew.
        records = records.persist()
        read = self._content.read(records).persist()
        try:
            if self._search is None:
                found = records.select("partition", "offset").collect()
                given_up = self._dead_letters.not_storable(records.sparkSession, batch_id)
                positions = {Position(row.partition, row.offset) for row in found}
                self._search = batch_id, HalvingSearch.of(sorted(positions - given_up))
            search = self._search[1]
            store = self._store_read if _can_be_read(read) else self._store
            source = read if store == self._store_read else records
            deadline = time.monotonic() + self._search_seconds
            run_and_give_up(
                lambda: search.run(
                    lambda part: store(part_of(source, part), batch_id, is_repeated=True),
                    lambda: self._probe(records, batch_id),
                    lambda: deadline - time.monotonic(),
                ),
                lambda: self._give_up(records, search, batch_id),
            )
            self._search = None
        finally:
            read.unpersist()
            records.unpersist()

    def _probe(self, records: DataFrame, batch_id: int) -> None:
        """Stores the content's probe as a record of the batch; raises when nothing can be."""
        value = bytearray(self._content.probe())
        # The epoch, as in the probe: no reading takes it for a record of today.
        row = (None, value, "probe", 0, 0, datetime.fromtimestamp(0, UTC))
        names = ["key", "value", "topic", "partition", "offset", "timestamp"]
        probe = records.sparkSession.createDataFrame([row], records.select(*names).schema)
        self._store(probe, batch_id, ttl_seconds=PROBE_TTL_SECONDS)
        log.warning("probe_stored", batch_id=batch_id)

    def _give_up(self, records: DataFrame, search: HalvingSearch, batch_id: int) -> None:
        """Makes dead letters of what was found."""
        while search.found:
            poison = search.found[0]
            error = shortest_reason(str(poison.error))
            place = poison.position._asdict()
            log.error("record_not_storable", batch_id=batch_id, error=error, **place)
            record = records.where(is_within([poison.position])).withColumn(
                "reason", F.lit(headers.NOT_STORABLE)
            )
            try:
                self._dead_letters.write(record, batch_id, is_repeated=True, error=error)
            except Exception as refused:
                if not is_of_data(refused):
                    raise
                told = f"{error}; left out of this letter: {shortest_reason(str(refused))}"
                bare = record.withColumn("value", F.lit(None).cast("binary"))
                self._dead_letters.write(bare, batch_id, is_repeated=True, error=told)
            search.found.pop(0)

    def _store(
        self,
        records: DataFrame,
        batch_id: int,
        *,
        is_repeated: bool = False,
        ttl_seconds: int | None = None,
    ) -> dict[str, int]:
        """Stores records of the batch; returns its figures for the log.

        One pass over the records; where some can't be read, a second one that parses only those,
        unless they are very many.
        """

        def read_again(positions: Sequence[Mapping[str, int]]) -> DataFrame:
            some = self._content.read(records.where(is_at(positions)))
            # The barrier that the reader asks for, also where all of the batch is read again.
            return some.observe("read_again", F.count(F.lit(1)).alias("records"))

        read = self._content.read(records)
        return self._write(read, read_again, batch_id, is_repeated, ttl_seconds)

    def _store_read(
        self, read: DataFrame, batch_id: int, *, is_repeated: bool = False
    ) -> dict[str, int]:
        """The same of what was read already."""
        return self._write(read, lambda _: read, batch_id, is_repeated)

    def _write(
        self,
        read: DataFrame,
        read_again: Callable[[Sequence[Mapping[str, int]]], DataFrame],
        batch_id: int,
        is_repeated: bool,
        ttl_seconds: int | None = None,
    ) -> dict[str, int]:
        unreadable = F.col("reason").isNotNull()
        # Without a name: a failed pass leaves its observation behind, which would hear the next.
        seen = Observation()
        observed = read.observe(
            seen,
            F.count(F.lit(1)).alias("records"),
            F.count("reason").alias("unreadable"),
            # As text, since py4j hands arrays over as objects of the JVM.
            F.to_json(F.collect_list(F.when(unreadable, position()))).alias("positions"),
            *(column.alias(name) for name, column in self._content.observed().items()),
        )
        lifetime = {} if ttl_seconds is None else {TTL_OPTION: str(ttl_seconds)}
        (
            self._content.rows(observed)
            .write.format("org.apache.spark.sql.cassandra")
            .option("keyspace", self._settings.cassandra_keyspace)
            .option("table", self._content.table)
            .options(**lifetime)
            .mode("append")
            .save()
        )
        counts = seen.get
        if counts["unreadable"]:
            letters = read_again(orjson.loads(counts["positions"])).where(unreadable)
            self._dead_letters.write(letters, batch_id, is_repeated=is_repeated)
        return {
            "records": counts["records"],
            "dead_letters": counts["unreadable"],
            **self._content.finish(counts),
        }


def _can_be_read(read: DataFrame) -> bool:
    """False when the reading itself fails for a record; keeps what it read."""
    try:
        read.count()
    except Exception as error:
        if not is_of_data(error):
            raise
        return False
    return True
