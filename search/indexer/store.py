"""Where the indexer's batches go: into the index, and as counts of patterns to Cassandra."""

from __future__ import annotations

import structlog

from firstcause.settings import Settings
from search.embedded.writer import HourWriters
from search.indexer import metrics
from search.indexer.batch import Batch
from search.patterns.counter import PatternCounter, block_start
from search.patterns.store import PatternStore

DAY_SECONDS = 86_400.0

_log = structlog.get_logger()


class IndexStore:
    """Index first, counts after it; the caller commits the offsets last."""

    def __init__(
        self,
        settings: Settings,
        writers: HourWriters,
        counter: PatternCounter,
        patterns: PatternStore,
    ) -> None:
        self._keep_seconds = settings.search_keep_days * DAY_SECONDS
        self._writers = writers
        self._counter = counter
        self._patterns = patterns

    def put(self, batch: Batch) -> None:
        """Makes a batch findable and counts its patterns; the same batch may come again.

        Raises:
            IndexWriteError: the index takes no writes now.
            DriverException, NoHostAvailable: the Cassandra driver's.
        """
        self._writers.put(read.event for read in batch.events)
        for read in batch.events:
            self._counter.add(read.event, read.partition, read.offset)
        self._patterns.write(self._counter.changed())
        self._counter.written(batch.positions)

    def remove_old(self) -> None:
        """Removes hours that are older than the settings say."""
        removed = self._writers.remove_old(self._keep_seconds)
        if removed:
            metrics.HOURS_REMOVED.inc(len(removed))
            _log.info("hours_removed", hours=removed)

    def first_offset(self, partition: int, committed: int) -> int:
        """The beginning of the block of offsets that is counted as one; 0 for a new index."""
        return 0 if self._writers.is_empty else block_start(committed)

    def forget(self, partitions: list[int]) -> None:
        """Drops the counts of blocks that are read from their beginning again."""
        self._counter.forget(partitions)
