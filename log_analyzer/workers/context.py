"""Gathers the context of incidents that are due, in a thread beside the consumer."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, replace
from typing import Final, Protocol
from uuid import UUID

import structlog

from firstcause.errors import FirstcauseError
from firstcause.incidents.view import IncidentView, NormalRanking
from log_analyzer import metrics
from log_analyzer.context.gatherer import ContextGatherer, Gathered
from log_analyzer.context.schedule import Gathers, gather_due, standing_of
from log_analyzer.context.store import ContextStore
from log_analyzer.incident_history.reader import IncidentReader
from log_analyzer.notify.message_row import Waiting
from log_analyzer.notify.outbox import MessageOutbox
from log_analyzer.suspects.normal_comparison import joined_suspects
from log_analyzer.suspects.onset import is_same_onset, ranked_onset_ms
from log_analyzer.suspects.ranking_process import RankingRequest

# The stored logs lag behind the topic by some seconds; so long they are waited for.
STORED_WAIT_MS: Final = 3_000
# An incident that has its context is looked at again after so long.
LOOK_MS: Final = 5_000
# A context is shown without its ranking when that takes longer.
RANKING_WAIT_MS: Final = 3_000
RANKING_MAX_MS: Final = 60_000
# What keeps a ranking from being made: the ranking itself, or the end of its process.
NO_RANKING: Final = (FirstcauseError, BrokenProcessPool, CancelledError)

_log = structlog.get_logger()


class Ranker(Protocol):
    """What ranks, beside the worker: see `ranking_process.RankingProcess`."""

    def submit(self, request: RankingRequest) -> Future[NormalRanking]:
        """The ranking to come. Raises the driver's errors; the future's are `NO_RANKING`."""

    def kill(self) -> None:
        """Kills the current ranking; its future raises one of `NO_RANKING`."""


@dataclass(slots=True)
class _Unranked:
    """A gathered context whose ranking is on its way; `shown` once it is stored without it."""

    gathered: Gathered
    claimed: Gathers
    size: str
    ranking: Future[NormalRanking]
    since_ms: int
    shown: bool = False


class ContextWorker:
    """Gathers context for each incident whose notice is out or due, and again as it grows.

    None for one whose errors were over `old_after_ms` before: a digest tells of it.

    A claim in Cassandra goes first, so that of several instances one gathers. Who dies after it
    has cost one of the incident's gatherings: the next follows after `GATHER_PAUSE_MS`. The
    ranking is made elsewhere (`ranker`); no incident waits for that of another.
    """

    def __init__(
        self,
        *,
        store: ContextStore,
        gatherer: ContextGatherer,
        outbox: MessageOutbox,
        reader: IncidentReader,
        owner: str,
        ranker: Ranker,
        old_after_ms: float = math.inf,
        changed: Callable[[UUID], None] = lambda _: None,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._store = store
        self._gatherer = gatherer
        self._outbox = outbox
        self._reader = reader
        self._owner = owner
        self._ranker = ranker
        self._old_after_ms = old_after_ms
        self._changed = changed
        self._clock_ms = clock_ms
        self._next_look_ms: dict[UUID, int] = {}
        self._waits_since_ms: dict[UUID, int] = {}
        self._unranked: dict[UUID, _Unranked] = {}
        # What the ranker works on, and since when: it takes one after the other.
        self._ranked_now: tuple[UUID | None, int] = (None, 0)

    def run_once(self) -> None:
        """Gathers for every incident that is due. Raises the driver's errors; repeat it then."""
        # The newest first; one that only a digest will tell of costs nothing here.
        pending = sorted(self._outbox.waiting("pending"), key=lambda one: one.newest_first)
        first = [one.incident_id for one in pending if one.incident_id and self._is_due(one)]
        shown = [
            *dict.fromkeys(first),
            *self._outbox.in_state("sending"),
            *self._outbox.in_state("live"),
        ]
        for held in (self._next_look_ms, self._waits_since_ms):
            for gone in held.keys() - set(shown):
                del held[gone]
        for incident in shown:
            due = self._next_look_ms.get(incident, 0) <= self._clock_ms()
            if due and incident not in self._unranked:
                self._look(incident)
        for incident, waiting in list(self._unranked.items()):
            self._take_ranking(incident, waiting)
        self._end_hanging()

    def _is_due(self, one: Waiting) -> bool:
        now_ms = self._clock_ms()
        if one.happened_ms is not None and now_ms - one.happened_ms >= self._old_after_ms:
            return False
        # One that Slack refused waits too, but its notice has long been due.
        return one.attempts > 0 or one.not_before_ms <= now_ms

    def _look(self, incident: UUID) -> None:
        view = self._reader.read(incident)
        if view is None:
            return
        gathers = self._store.gathers(incident)
        now_ms = self._clock_ms()
        standing = standing_of(view, now_ms)
        if view.merged_into is not None or not gather_due(gathers, standing, now_ms):
            self._next_look_ms[incident] = now_ms + LOOK_MS
            return
        if gathers.count == 0 and not self._stored(view):
            return
        claimed = gathers.next(standing, now_ms)
        if not self._store.claim(incident, claimed, self._owner):
            return
        ranking = self._ranker.submit(RankingRequest.of(view))
        began = time.perf_counter()
        gathered = self._gatherer.gather(view)
        metrics.CONTEXT_SECONDS.observe(time.perf_counter() - began)
        self._unranked[incident] = _Unranked(gathered, claimed, standing.size, ranking, now_ms)
        self._gatherer.save(gathered)

    def _take_ranking(self, incident: UUID, waiting: _Unranked) -> None:
        """Stores a context with its ranking; without it when that is late, or failed."""
        waited_ms = self._clock_ms() - waiting.since_ms
        if not waiting.ranking.done():
            if waited_ms >= RANKING_WAIT_MS and not waiting.shown:
                self._show(incident, waiting, self._last_ranking(incident, waiting), "unranked")
                waiting.shown = True
            return
        complete = waiting.gathered.complete
        ranking: NormalRanking | None
        try:
            ranking = waiting.ranking.result()
        except NO_RANKING as error:
            ranking, complete = self._last_ranking(incident, waiting), False
            reason = f"{type(error).__name__}: {error}"[:300]
            _log.warning("not_ranked", incident_id=str(incident), reason=reason)
        self._show(incident, waiting, ranking, "complete" if complete else "incomplete")
        if complete and not (ranking and ranking.young):
            self._store.finish(incident, waiting.claimed, waiting.size)
        del self._unranked[incident]

    def _end_hanging(self) -> None:
        """Ends a ranking that computes for too long; the time in which it waited is its own."""
        now_ms = self._clock_ms()
        first = next((one for one, it in self._unranked.items() if not it.ranking.done()), None)
        if first != self._ranked_now[0]:
            self._ranked_now = (first, now_ms)
        if first is not None and now_ms - self._ranked_now[1] >= RANKING_MAX_MS:
            # It would keep all others waiting. Its end is seen in one of the next passes.
            _log.warning("ranking_hangs", incident_id=str(first))
            self._ranker.kill()
            self._ranked_now = (None, 0)

    def _last_ranking(self, incident: UUID, waiting: _Unranked) -> NormalRanking | None:
        """The ranking before, if it is of the same fault."""
        stored = self._store.read(incident)
        ranking = stored.ranking if stored is not None else None
        if ranking is None:
            return None
        same = is_same_onset(ranked_onset_ms(ranking), waiting.claimed.onset_ms)
        return ranking if same else None

    def _show(
        self, incident: UUID, waiting: _Unranked, ranking: NormalRanking | None, outcome: str
    ) -> None:
        context = waiting.gathered.context
        suspects = joined_suspects(ranking, context.suspects)
        self._store.write(incident, replace(context, ranking=ranking, suspects=suspects))
        self._changed(incident)
        metrics.CONTEXTS_GATHERED.labels(outcome=outcome).inc()
        _log.info(
            "context_gathered",
            incident_id=str(incident),
            outcome=outcome,
            gathering=waiting.claimed.count,
            culprit=ranking.culprit if ranking else None,
            suspects=[one.service_name for one in suspects[:3]],
        )

    def _stored(self, view: IncidentView) -> bool:
        """True if the store job has stored the incident's newest evidence, or the wait is over."""
        since_ms = self._waits_since_ms.setdefault(view.incident_id, self._clock_ms())
        return self._clock_ms() - since_ms >= STORED_WAIT_MS or self._gatherer.is_stored(view)
