"""Asks the model about each new state of an incident, in a thread pool beside the consumer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Final
from uuid import UUID

import structlog

from firstcause.incidents.records import SimilarIncident
from firstcause.incidents.view import Analysis, IncidentView
from firstcause.storage.cassandra import AWAY
from log_analyzer import metrics
from log_analyzer.incident_history.reader import IncidentReader
from log_analyzer.model.analysis_state import next_step, state_digest
from log_analyzer.model.analysis_store import AnalysisStore
from log_analyzer.model.question import Questioner, Reply
from log_analyzer.notify.outbox import MessageOutbox

# Questions under way at once; a model that hangs holds up so many incidents at the most.
AT_ONCE: Final = 4
LOOK_MS: Final = 5_000
# Another instance asks about it, or the store was away.
RETRY_MS: Final = 5_000
AGAIN_MAX_MS: Final = 900_000

_log = structlog.get_logger()


class AnalysisWorker:
    """Asks the model about each state of the incidents whose first notice is out.

    `run_once` never waits for the model: each question has a thread of its own, four at once, one
    for an incident. The outcome is stored either way: the answer, or why there is none. What the
    model could not answer because it was away or over budget is asked again, as long as the
    incident's message is live. A crash in between ends the claim after three minutes, and the
    question is asked again.
    """

    def __init__(
        self,
        *,
        store: AnalysisStore,
        outbox: MessageOutbox,
        reader: IncidentReader,
        questioner: Questioner,
        owner: str,
        similar: Callable[[IncidentView], tuple[SimilarIncident, ...]] = lambda _: (),
        changed: Callable[[UUID], None] = lambda _: None,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._reader = reader
        self._questioner = questioner
        self._similar = similar
        self._owner = owner
        self._changed = changed
        self._clock_ms = clock_ms
        self._asking: set[UUID] = set()
        self._look_at_ms: dict[UUID, int] = {}
        self._since: dict[UUID, tuple[str, int]] = {}
        self._again: dict[UUID, int] = {}

    def run_once(self) -> None:
        """Starts the questions that are due. Raises the driver's errors."""
        live = self._outbox.in_state("live")
        for incident in live:
            if len(self._asking) >= AT_ONCE:
                break
            if incident in self._asking or self._look_at_ms.get(incident, 0) > self._clock_ms():
                continue
            self._look(incident)
        gone = self._look_at_ms.keys() - set(live) - self._asking
        for incident in gone:
            for known in (self._look_at_ms, self._since, self._again):
                known.pop(incident, None)

    def busy(self) -> bool:
        """True while a question is under way."""
        return bool(self._asking)

    def _look(self, incident: UUID) -> None:
        now_ms = self._clock_ms()
        self._look_at_ms[incident] = now_ms + LOOK_MS
        view = self._reader.read(incident)
        if view is None:
            return
        state = state_digest(view)
        known, since_ms = self._since.get(incident, ("", now_ms))
        if known != state:
            since_ms = now_ms
        self._since[incident] = (state, since_ms)
        step = next_step(view, state, since_ms, now_ms)
        if step.wait_ms is not None:
            self._look_at_ms[incident] = now_ms + min(LOOK_MS, step.wait_ms)
        if not step.ask:
            return
        if not self._store.claim(incident, self._owner):
            self._look_at_ms[incident] = now_ms + RETRY_MS
            return
        self._asking.add(incident)
        threading.Thread(
            target=self._ask, args=(view, state), name=f"question-{incident}", daemon=True
        ).start()

    def _ask(self, view: IncidentView, state: str) -> None:
        incident = view.incident_id
        try:
            asked = replace(view, similar=self._similar(view))
            reply = self._questioner.ask(asked, state)
            self._keep(view, reply)
        except AWAY as error:
            self._look_at_ms[incident] = self._clock_ms() + RETRY_MS
            _log.warning("store_away", worker="analysis", reason=f"{type(error).__name__}"[:300])
        except Exception:  # noqa: BLE001 - told, counted, and tried again later
            self._look_at_ms[incident] = self._clock_ms() + AGAIN_MAX_MS
            metrics.WORKER_FAILURES.labels(worker="analysis").inc()
            _log.exception("question_failed", incident_id=str(incident))
        finally:
            with suppress(*AWAY):  # It ends by itself then.
                self._store.release(incident, self._owner)
            self._asking.discard(incident)

    def _keep(self, view: IncidentView, reply: Reply) -> None:
        incident = view.incident_id
        if not _says_the_same(reply.analysis, view.stored_analysis):
            self._store.write(incident, reply.analysis)
            self._changed(incident)
        if reply.again_ms is None:
            self._again.pop(incident, None)
            self._look_at_ms[incident] = self._clock_ms() + LOOK_MS
            return
        # Each time twice as long, or the model's own wish if that is longer.
        turns = self._again.get(incident, 0)
        self._again[incident] = turns + 1
        wait_ms = max(reply.again_ms, min(AGAIN_MAX_MS, LOOK_MS << min(turns, 10)))
        self._look_at_ms[incident] = self._clock_ms() + wait_ms


def _says_the_same(new: Analysis, stored: Analysis | None) -> bool:
    """True for the same note again, which nobody needs to hear twice."""
    return (
        stored is not None
        and (new.state, new.source, new.note) == (stored.state, stored.source, stored.note)
        and new.llm_calls == 0
        and not new.state
    )
