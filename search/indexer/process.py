"""The indexer's process: assembles its parts, and stops them."""

from __future__ import annotations

import threading
import time
from typing import Any, Final

import structlog

from firstcause.garbage_collection import rare_garbage_collection
from firstcause.health import serve_health
from firstcause.settings import Settings
from firstcause.storage.patient_connection import connect_patiently
from firstcause.templates.shared_miner import SharedTemplateMiner
from search.embedded.writer import HourWriters
from search.indexer import metrics
from search.indexer.consumer import IndexConsumer
from search.indexer.store import IndexStore
from search.patterns.counter import PatternCounter
from search.patterns.store import PatternStore

ALIVE_SECONDS: Final = 120.0

_log = structlog.get_logger()


class SearchIndexer:
    """The consumer loop in the calling thread, health and metrics in another."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._consumer: IndexConsumer | None = None
        self.stopping = threading.Event()

    def health(self) -> tuple[bool, dict[str, Any]]:
        """Well while the consumer loop turns."""
        consumer = self._consumer
        if consumer is None:
            return False, {"state": "waiting for Cassandra"}
        seconds = time.monotonic() - consumer.alive_at
        return seconds < ALIVE_SECONDS, {
            "state": "consuming",
            "loop_seconds_ago": round(seconds, 1),
        }

    def run(self) -> None:
        """Runs until `stopping` is set; waits for Cassandra as long as it takes.

        Raises:
            FirstcauseError: another process writes this index, or the port is taken.
        """
        settings = self._settings
        settings.search_dir.mkdir(parents=True, exist_ok=True)
        writers = HourWriters(settings.search_dir)
        try:
            serve_health(
                settings.search_metrics_host,
                settings.search_metrics_port,
                self.health,
                port_setting="SEARCH_METRICS_PORT",
            )
            self._index(writers)
        finally:
            writers.close()

    def _index(self, writers: HourWriters) -> None:
        metrics.BLOCKED.set(1)  # until it is connected
        connected = connect_patiently(self._settings, self.stopping, PatternStore)
        if connected is None:
            return
        metrics.BLOCKED.set(0)
        session, patterns = connected
        try:
            miner = SharedTemplateMiner(session, unplaced=metrics.TEMPLATES_UNPLACED.inc)
            store = IndexStore(self._settings, writers, PatternCounter(miner), patterns)
            self._consumer = IndexConsumer(self._settings, store)
            _log.info("search_indexer_started", group=self._settings.search_group)
            with rare_garbage_collection():
                self._consumer.run(self.stopping)
            _log.info("search_indexer_stopped")
        finally:
            session.cluster.shutdown()
