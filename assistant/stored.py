"""`Sources` of a running installation: Cassandra and the search index."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from datetime import datetime
from typing import Final

from cassandra.cluster import Session

from alerting.objectives.burn_rate import ObjectiveStatus
from assistant.sources import FoundLogs, ShownIncidents, StillReadingError
from firstcause.alerts.objective_statuses import ObjectiveStatusStore
from firstcause.errors import FirstcauseError
from firstcause.events.span import Span
from firstcause.events.span_tree import in_tree_order
from firstcause.events.trace_ids import trace_id_of
from firstcause.normal.composed_normal_store import ComposedNormalStore, LearnedNormal
from firstcause.settings import Settings
from firstcause.storage.log_history import LogHistory, LogRow
from firstcause.storage.span_history import spans_of_traces
from root_cause.explanation.normal_summary import ServiceSummary, summary_of
from search.embedded.engine import EmbeddedEngine
from search.patterns.comparison import PatternChange, changes
from search.patterns.overview import PARTITIONS_MAX, partitions_between
from search.patterns.store import Pattern, PatternStore
from search.query.tree import Node
from search.rows import RowReader

TRACE_LOGS: Final = 200
SPAN_SECONDS: Final = 1.0
NORMAL_LOAD_SECONDS: Final = 30.0
NORMAL_WAIT_SECONDS: Final = 1.0
NORMAL_FRESH_SECONDS: Final = 300.0
NORMAL_ROWS: Final = 20


class StoredSources:
    """See `Sources`. Connected once, when it is made."""

    def __init__(self, settings: Settings, session: Session, incidents: ShownIncidents) -> None:
        self._session = session
        self._incidents = incidents
        self._engine = EmbeddedEngine(settings.search_dir)
        self._rows = RowReader(session)
        self._logs = LogHistory(session)
        self._patterns = PatternStore(session)
        self._objectives = ObjectiveStatusStore(session)
        self._normal = _LoadedNormal(ComposedNormalStore(session))

    @property
    def incidents(self) -> ShownIncidents:
        """See `Sources`."""
        return self._incidents

    def logs(self, query: Node, from_ms: int, to_ms: int, limit: int) -> FoundLogs:
        """See `Sources`."""
        page = self._engine.search(query, from_ms, to_ms, limit)
        rows = [found.row for found in self._rows.rows(page.keys)]
        present = [row for row in rows if row is not None]
        return FoundLogs(present, len(rows) - len(present), page.next_cursor is not None)

    def pattern_changes(
        self, service: str | None, before_ms: int, from_ms: int, to_ms: int
    ) -> Sequence[tuple[PatternChange, Pattern | None]]:
        """See `Sources`."""
        services = [service] if service else self._patterns.services()
        if partitions_between(len(services), before_ms, to_ms) > PARTITIONS_MAX:
            raise FirstcauseError(
                f"This time of {len(services)} services and as much before it are more than "
                f"{PARTITIONS_MAX:,} hours: ask for a shorter time or one service."
            )
        found = changes(
            self._patterns.counts(services, before_ms, from_ms),
            self._patterns.counts(services, from_ms, to_ms),
            from_ms - before_ms,
            to_ms - from_ms,
        )
        known = self._patterns.patterns(sorted({one.name[0] for one in found}))
        return [(one, known.get(one.name)) for one in found]

    def trace(self, trace_id: str) -> tuple[Sequence[tuple[int, Span]], Sequence[LogRow]]:
        """See `Sources`."""
        wanted = trace_id_of(trace_id) or trace_id
        spans = spans_of_traces(self._session, [wanted], SPAN_SECONDS)
        return in_tree_order(spans), self._logs.of_trace(wanted, TRACE_LOGS)

    def services(self) -> Mapping[str, datetime]:
        """See `Sources`."""
        return self._logs.services()

    def normal(self, service: str) -> ServiceSummary | None:
        """See `Sources`."""
        loaded = self._normal.get()
        return None if loaded is None else summary_of(loaded.normal, service, NORMAL_ROWS)

    def objectives(self) -> Sequence[ObjectiveStatus]:
        """See `Sources`."""
        return self._objectives.latest()


class _LoadedNormal:
    """The normal in force, read in a thread of its own: it may take longer than an answer may."""

    def __init__(self, store: ComposedNormalStore) -> None:
        self._store = store
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="normal")
        self._asked_at = -NORMAL_FRESH_SECONDS
        self._reading: Future[LearnedNormal | None] | None = None

    def get(self) -> LearnedNormal | None:
        now = time.monotonic()
        reading = self._reading
        if reading is None or (reading.done() and self._is_old(reading, now)):
            reading = self._reader.submit(
                self._store.load, time.time_ns() // 1_000_000, NORMAL_LOAD_SECONDS
            )
            self._reading, self._asked_at = reading, now
        try:
            return reading.result(NORMAL_WAIT_SECONDS)
        except FutureTimeoutError as error:
            if reading.done():
                raise
            raise StillReadingError from error

    def _is_old(self, reading: Future[LearnedNormal | None], now: float) -> bool:
        failed = reading.exception() is not None
        return failed or now - self._asked_at >= NORMAL_FRESH_SECONDS
