"""Turns batches of errors into episodes and incidents; holds the consumer loop's state of them.

The order of writes, and why a kill between any two of them loses nothing and duplicates nothing:

1. Open the episode (transaction on its group). It is found again, and has no incident yet.
2. Publish the batch's traces. They expire; publishing them again changes nothing.
3. Place the episode (transaction on the board). Any instance can read the decision there.
4. Write the rows derived from the board: incident, episode, membership. Any instance may do it.
5. Evidence, 6. log ids, 7. tallies. An error whose id is stored is skipped. A tally never counts
   more than the stored log ids. Redelivered messages complete both.
8. Write the outbox. 9. Commit the offset. Until then Kafka sends the batch again. An episode that
   is read back has its incident opened and its message ensured again.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from uuid import UUID

from log_analyzer import metrics
from log_analyzer.episodes.change import EpisodeChange
from log_analyzer.episodes.consumed_error import ConsumedError
from log_analyzer.incidents.board_writer import BoardWriter
from log_analyzer.incidents.call_graph import CallGraph
from log_analyzer.incidents.episode_counter import EpisodeCounter
from log_analyzer.incidents.escalations import ConsumedEscalation, EscalationStore
from log_analyzer.incidents.lifecycle import IncidentLifecycle, Outbox
from log_analyzer.incidents.stores.board_access import BoardAccess
from log_analyzer.incidents.stores.episodes import EpisodeStore


class IncidentTracker:
    """Counts errors into episodes, each log id once, and has them placed. Owned by one thread.

    Writes go by episode, not by error: a row of log ids and a tally an episode, all episodes of a
    batch at once. When a write fails, what was held of these groups is forgotten and read again.

    Args:
        store: episodes in Cassandra.
        board: the board of incidents in Cassandra.
        escalations: escalations in Cassandra.
        outbox: where messages wait.
        load_graph: reads which services call which.
        load_services: reads which services there are.
        new_complaints: which services the stored logs of traces blame; see `BoardWriter`.
        quiet_ms: gap in event time that ends an episode.
        reopen_ms: beyond it, an incident's group that returns within this time reopens it.
        gather_ms: time for the groups of one cause to find each other before the first message.
        changed: called with the id of each incident that was written.
        clock_ms: the wall clock, ms since the epoch.
        monotonic: seconds of a clock that never goes back.
    """

    def __init__(
        self,
        *,
        store: EpisodeStore,
        board: BoardAccess,
        escalations: EscalationStore,
        outbox: Outbox,
        load_graph: Callable[[], CallGraph],
        quiet_ms: int,
        reopen_ms: int,
        gather_ms: int,
        load_services: Callable[[], Collection[str]] = tuple,
        new_complaints: Callable[[], Mapping[str, str]] = dict,
        changed: Callable[[UUID], None] = lambda _: None,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._escalations = escalations
        self._outbox = outbox
        self._quiet_ms = quiet_ms
        self._gather_ms = gather_ms
        self._changed = changed
        self._clock_ms = clock_ms
        self._placer = BoardWriter(
            board, load_graph, load_services, new_complaints, monotonic, clock_ms
        )
        self._lifecycle = IncidentLifecycle(
            store, self._placer, outbox, quiet_ms, reopen_ms, gather_ms, changed, clock_ms
        )
        self._counter = EpisodeCounter(store, self._lifecycle.take_over, quiet_ms, clock_ms)

    def record(self, errors: Iterable[ConsumedError]) -> None:
        """Counts these errors. When it returns, all that follows from them is stored.

        Safe to repeat with the same errors, whole or in part, in this process or another.

        Raises:
            LostRaceError: other instances kept changing the same groups or the board.
            Exception: the driver's, when Cassandra is away; nothing may be committed either way.
        """
        groups: dict[UUID, list[ConsumedError]] = defaultdict(list)
        for error in errors:
            groups[error.fingerprint].append(error)
        changes: dict[UUID, EpisodeChange] = {}
        services = self._placer.services()
        try:
            for fingerprint, members in groups.items():
                members.sort(key=lambda error: (error.moment_ms, error.event.log_id))
                own = self._counter.count(fingerprint, members, services)
                for change in own.values():
                    self._settle_status(change)
                changes |= own
            self._placer.publish_traces(
                {
                    key: (change.episode.service_name, change.spans)
                    for key, change in changes.items()
                }
            )
            self._lifecycle.place(changes.values())
            self._write(changes)
        except BaseException:
            self._counter.forget(groups)
            raise
        self._counter.shrink(groups)

    def escalate(self, escalations: list[ConsumedEscalation]) -> None:
        """Stores escalations and has their incidents' messages updated. Safe to repeat."""
        self._escalations.write(escalations)
        self._lifecycle.escalate(escalations)

    def forget(self) -> None:
        """Drops the state in memory; it is read again, with what other instances stored."""
        self._counter.forget()
        self._lifecycle.forget()

    def merge(self) -> None:
        """Merges incidents that prove to share a cause. Blocks; raises the driver's errors."""
        self._lifecycle.merge()

    def resolve_quiet(self) -> None:
        """Resolves incidents quiet by the wall clock. Blocks; raises the driver's errors."""
        self._lifecycle.resolve_quiet()

    def split(self, incident: UUID, service_name: str) -> set[UUID]:
        """Splits a service out of an incident (see `BoardWriter.split`); both stay open if it was.

        Returns the two incidents; empty if there is nothing to split.
        """
        return self._lifecycle.split(incident, service_name)

    def _settle_status(self, change: EpisodeChange) -> None:
        episode = change.episode
        current = self._placer.incident_of(episode.episode_id)
        if current is not None:
            episode.incident_id = current
        resolved = self._lifecycle.is_resolved(episode.incident_id)
        goes_on = self._lifecycle.goes_on(episode.incident_id, change.high_ms)
        if (change.reopens or (change.counted and resolved)) and (not change.superseded or goes_on):
            change.must_open = change.must_ensure = change.must_write = True

    def _write(self, changes: dict[UUID, EpisodeChange]) -> None:
        """All groups' writes together: three waves, whatever the number of errors and groups."""
        store = self._store
        evidence, log_ids, rows = [], [], []
        for key, change in changes.items():
            evidence += store.evidence_statements(key, change.evidence)
            for partition, entries in change.new.items():
                log_ids += store.error_statements(key, partition, entries)
            if change.counted or change.must_write:
                rows += store.tally_statements(change.episode)
        incidents: set[UUID] = set()
        happened: dict[UUID, int | None] = {}
        for change in changes.values():
            incident = change.episode.incident_id
            if incident is not None:
                incidents.add(incident)
                if change.must_ensure:
                    happened[incident] = max(happened.get(incident) or 0, change.episode.last_ms)
            if change.must_open and change.episode.incident_id is not None:
                arrival_ms = change.episode.last_arrival_ms or self._clock_ms()
                rows += store.open_statements(change.episode.incident_id, arrival_ms)
                self._lifecycle.mark_open(change.episode.incident_id)
        for wave in (evidence, log_ids, rows):
            store.write(wave)
        for change in changes.values():
            self._end_previous(change)
            metrics.ERRORS_COUNTED.inc(change.counted)
        self._outbox.ensure_all(happened, self._clock_ms() + self._gather_ms)
        for incident in incidents:
            self._changed(incident)

    def _end_previous(self, change: EpisodeChange) -> None:
        """A later episode of the group ends the earlier one's incident, unless it is the same."""
        previous = self._lifecycle.current_incident(change.previous) if change.previous else None
        if previous is None or not change.must_open or previous == change.episode.incident_id:
            return
        if not self._lifecycle.is_resolved(previous):
            self._lifecycle.end_earlier(previous, change.episode.first_ms)
