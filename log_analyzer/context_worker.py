"""Brings each incident its context, beside the consumer loop; one instance at a time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final
from uuid import UUID

import structlog

from log_analyzer import metrics
from log_analyzer.context_gatherer import ContextGatherer
from log_analyzer.context_schedule import gather_due, state_of
from log_analyzer.context_store import ContextStore
from log_analyzer.incident_reader import IncidentReader
from log_analyzer.incident_view import IncidentView
from log_analyzer.outbox import MessageOutbox

# The stored logs lag behind the topic by some seconds; so long they are waited for.
STORED_WAIT_MS: Final = 3_000
# An incident that has its context is looked at again after so long.
LOOK_MS: Final = 5_000

_log = structlog.get_logger()


class ContextWorker:
    """Gathers context for each incident whose notice is out or due, and again as it grows.

    A claim in Cassandra goes first, so that of several instances one gathers. Who dies after it
    has cost one of the incident's gatherings: the next follows after `GATHER_PAUSE_MS`.
    """

    def __init__(
        self,
        *,
        store: ContextStore,
        gatherer: ContextGatherer,
        outbox: MessageOutbox,
        reader: IncidentReader,
        owner: str,
        changed: Callable[[UUID], None] = lambda _: None,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._store = store
        self._gatherer = gatherer
        self._outbox = outbox
        self._reader = reader
        self._owner = owner
        self._changed = changed
        self._clock_ms = clock_ms
        self._next_look_ms: dict[UUID, int] = {}
        self._waits_since_ms: dict[UUID, int] = {}

    def run_once(self) -> None:
        """Gathers for every incident that is due. Raises the driver's errors; repeat it then."""
        pending = [one for one in self._outbox.in_state("pending") if self._notice_is_due(one)]
        shown = [*pending, *self._outbox.in_state("sending"), *self._outbox.in_state("live")]
        for held in (self._next_look_ms, self._waits_since_ms):
            for gone in held.keys() - set(shown):
                del held[gone]
        for incident in shown:
            if self._next_look_ms.get(incident, 0) <= self._clock_ms():
                self._look(incident)

    def _notice_is_due(self, incident: UUID) -> bool:
        row = self._outbox.read(incident)
        # One that Slack refused waits too, but its notice has long been due.
        return row is not None and (row.attempts > 0 or row.not_before_ms <= self._clock_ms())

    def _look(self, incident: UUID) -> None:
        view = self._reader.read(incident)
        if view is None:
            return
        gathers = self._store.gathers(incident)
        state = state_of(view)
        now_ms = self._clock_ms()
        if view.merged_into is not None or not gather_due(gathers, state, now_ms):
            self._next_look_ms[incident] = now_ms + LOOK_MS
            return
        if gathers.count == 0 and not self._stored(view):
            return
        claimed = self._store.claim(incident, gathers, self._owner, now_ms)
        if claimed is None:
            return
        began = time.perf_counter()
        gathered = self._gatherer.gather(view)
        metrics.CONTEXT_SECONDS.observe(time.perf_counter() - began)
        outcome = "complete" if gathered.complete else "incomplete"
        metrics.CONTEXTS_GATHERED.labels(outcome=outcome).inc()
        self._store.write(incident, gathered.context)
        if gathered.complete:
            self._store.finish(incident, claimed, state)
        self._changed(incident)
        _log.info(
            "context_gathered",
            incident_id=str(incident),
            outcome=outcome,
            gathering=claimed.count,
            suspects=[one.service_name for one in gathered.context.suspects[:3]],
        )
        self._gatherer.save(gathered.calls)

    def _stored(self, view: IncidentView) -> bool:
        """True when the store job has come as far as the incident, or was waited for."""
        since_ms = self._waits_since_ms.setdefault(view.incident_id, self._clock_ms())
        return self._clock_ms() - since_ms >= STORED_WAIT_MS or self._gatherer.is_stored(view)
