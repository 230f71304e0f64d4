"""Errors become episodes, and episodes incidents: the state that the consumer loop keeps.

The order of what is stored, and why a kill between any two of them loses and doubles nothing:

1. an episode is opened (transaction on its group): it is found again, and still has no incident
2. the batch's traces are told: they expire, and tell the same again
3. the episode is placed (transaction on the board): the decision stands there for whoever looks
4. what follows from the board is published: incident, episode, membership; any instance does it
5. evidence, 6. log ids, 7. tallies: an error whose id is stored is not looked at again; a tally
   never speaks of more than is remembered; both are mended by what is redelivered
8. the outbox is told, 9. the offset is committed. Until then Kafka sends the batch again, and an
   episode that is read back has its incident opened and its message ensured again
"""

from __future__ import annotations

import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from typing import Final
from uuid import UUID

from log_analyzer import metrics
from log_analyzer.episodes.change import EpisodeChange
from log_analyzer.episodes.episode import EVIDENCE_LIMIT, ConsumedError, Episode, covering
from log_analyzer.episodes.tally import Tally
from log_analyzer.incidents.board_writer import IncidentPlacer
from log_analyzer.incidents.call_graph import CallGraph
from log_analyzer.incidents.escalations import ConsumedEscalation, EscalationStore
from log_analyzer.incidents.lifecycle import IncidentLifecycle, Outbox
from log_analyzer.incidents.stores.board import BoardStore
from log_analyzer.incidents.stores.episodes import OPENING_ATTEMPTS, IncidentStore, LostRaceError
from log_analyzer.incidents.trace_links import trace_key

GROUPS_KEPT: Final = 5_000
EPISODES_KEPT: Final = 5
# So many errors of a group and batch show which services call each other as well as all.
CALLS_NOTED: Final = 50


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
        quiet_ms: gap in event time that ends an episode.
        reopen_ms: beyond it, an incident's group that returns within this time reopens it.
        gather_ms: time for the groups of one cause to find each other before the first message.
        changed: called with the id of each incident that was written.
        clock_ms: the wall clock, ms since the epoch.
    """

    def __init__(
        self,
        *,
        store: IncidentStore,
        board: BoardStore,
        escalations: EscalationStore,
        outbox: Outbox,
        load_graph: Callable[[], CallGraph],
        quiet_ms: int,
        reopen_ms: int,
        gather_ms: int,
        changed: Callable[[UUID], None] = lambda _: None,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._store = store
        self._escalations = escalations
        self._outbox = outbox
        self._quiet_ms = quiet_ms
        self._gather_ms = gather_ms
        self._changed = changed
        self._clock_ms = clock_ms
        self._placer = IncidentPlacer(board, load_graph)
        self._lifecycle = IncidentLifecycle(
            store, self._placer, outbox, quiet_ms, reopen_ms, gather_ms, changed, clock_ms
        )
        self._groups: OrderedDict[UUID, dict[UUID, Episode]] = OrderedDict()

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
        try:
            for fingerprint, members in groups.items():
                # In event time, so that the earliest of them opens.
                members.sort(key=lambda error: (error.event.timestamp_ms, error.event.log_id))
                for error in members[:CALLS_NOTED]:
                    self._placer.note(error.event)
                self._count_group(fingerprint, members, changes)
            traces = {key: map(trace_key, change.traces) for key, change in changes.items()}
            self._placer.tell({key: list(keys) for key, keys in traces.items()})
            self._lifecycle.place(changes.values())
            self._write(changes)
        except BaseException:
            for fingerprint in groups:
                self._groups.pop(fingerprint, None)
            raise
        while len(self._groups) > GROUPS_KEPT:
            self._groups.popitem(last=False)

    def escalate(self, escalations: list[ConsumedEscalation]) -> None:
        """Stores escalations and has their incidents' messages updated. Safe to repeat."""
        self._escalations.write(escalations)
        self._lifecycle.escalate(escalations)

    def forget(self) -> None:
        """Drops all that is held; what other instances store meanwhile is read afresh."""
        self._groups.clear()
        self._lifecycle.forget()

    def merge(self) -> None:
        """Merges incidents that prove to share a cause. Blocks; raises the driver's errors."""
        self._lifecycle.merge()

    def resolve_quiet(self) -> None:
        """Resolves what has been quiet by the wall clock. Blocks; raises the driver's errors."""
        self._lifecycle.resolve_quiet()

    def _count_group(
        self, fingerprint: UUID, members: list[ConsumedError], changes: dict[UUID, EpisodeChange]
    ) -> None:
        known = self._groups.setdefault(fingerprint, {})
        self._groups.move_to_end(fingerprint)
        now_ms = self._clock_ms()
        own: dict[UUID, EpisodeChange] = {}
        change: EpisodeChange | None = None
        for error in members:
            at_ms = error.event.timestamp_ms
            if change is None or len(known) > 1 or not self._reaches(change, at_ms):
                episode = covering(known.values(), at_ms, self._quiet_ms)
                if episode is None:
                    episode = self._find_or_open(error, known, own)
                change = own.get(episode.episode_id)
                if change is None:
                    change = EpisodeChange(episode, episode.first_ms, episode.last_ms)
                    own[episode.episode_id] = change
            change.low_ms, change.high_ms = min(change.low_ms, at_ms), max(change.high_ms, at_ms)
            self._count(error, change, now_ms)
        newest = max(episode.first_ms for episode in known.values())
        for change in own.values():
            episode = change.episode
            for partition in change.partitions:
                change.new[partition] = episode.tallies[partition].end_batch()
            self._settle_status(change, superseded=episode.first_ms < newest)
        changes |= own
        # The newest stay at hand; an older one is read again when a late error asks for it.
        for episode in sorted(known.values(), key=lambda one: one.last_ms)[:-EPISODES_KEPT]:
            known.pop(episode.episode_id)

    def _reaches(self, change: EpisodeChange, at_ms: int) -> bool:
        return change.low_ms - self._quiet_ms <= at_ms <= change.high_ms + self._quiet_ms

    def _settle_status(self, change: EpisodeChange, *, superseded: bool) -> None:
        episode = change.episode
        current = self._placer.incident_of(episode.episode_id)
        if current is not None:
            episode.incident_id = current
        resolved = self._lifecycle.is_resolved(episode.incident_id)
        if (change.reopens or (change.counted and resolved)) and not superseded:
            change.must_open = change.must_ensure = change.must_write = True

    def _find_or_open(
        self, error: ConsumedError, known: dict[UUID, Episode], own: dict[UUID, EpisodeChange]
    ) -> Episode:
        moment_ms = error.event.timestamp_ms
        for _ in range(OPENING_ATTEMPTS):
            # The revision first: if the group changes after it, the opening below fails.
            revision = self._store.revision(error.fingerprint)
            for opened_ms, key in self._store.near(error.fingerprint, moment_ms):
                if key not in known:
                    known[key] = self._store.load(self._blank(error, key, opened_ms))
                    must_open = self._lifecycle.adopt(known[key])
                    own[key] = self._begun(known, key, must_open=must_open)
            found = covering(known.values(), moment_ms, self._quiet_ms)
            if found is not None:
                return found
            opened = self._store.open(error, revision)
            if opened is not None:
                known[opened] = self._blank(error, opened, moment_ms)
                own[opened] = self._begun(known, opened, must_open=True)
                metrics.EPISODES_OPENED.inc()
                return known[opened]
        raise LostRaceError(f"group {error.fingerprint} kept changing while opening an episode")

    def _begun(self, known: dict[UUID, Episode], key: UUID, *, must_open: bool) -> EpisodeChange:
        episode = known[key]
        change = EpisodeChange(episode, episode.first_ms, episode.last_ms)
        change.must_ensure = change.must_write = True
        change.must_open = must_open
        earlier = [one for one in known.values() if one.last_ms + self._quiet_ms < episode.first_ms]
        change.previous = max(earlier, key=lambda one: one.last_ms, default=None)
        return change

    @staticmethod
    def _blank(error: ConsumedError, key: UUID, opened_ms: int) -> Episode:
        return Episode(key, error.fingerprint, error.service_name, error.template, opened_ms)

    def _count(self, error: ConsumedError, change: EpisodeChange, now_ms: int) -> None:
        episode = change.episode
        tally = episode.tallies.get(error.partition)
        if tally is None or not tally.loaded:
            tally = self._loaded_tally(change, error.partition)
        # After such a silence any instance may have resolved it meanwhile.
        first = not change.counted
        silent = first and now_ms - episode.last_arrival_ms >= self._quiet_ms // 2
        if not tally.add(error, now_ms):
            metrics.ERRORS_KNOWN.inc()
            return
        change.reopens = change.reopens or silent
        change.counted += 1
        change.partitions.add(error.partition)
        event = error.event
        if len(episode.evidence_ids) < EVIDENCE_LIMIT:
            episode.evidence_ids.add(event.log_id)
            change.evidence.append(error)
        if event.trace_id:
            change.traces.add(event.trace_id)

    def _loaded_tally(self, change: EpisodeChange, partition: int) -> Tally:
        episode = change.episode
        tally = episode.tallies.setdefault(partition, Tally())
        tally.load(self._store.load_log_ids(episode.episode_id, partition))
        change.must_write = True
        # A crash came between the log ids and their tally: what followed is missing too.
        change.reopens = change.reopens or len(tally.seen) != tally.stored_count
        return tally

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
        incidents: dict[UUID, bool] = {}
        for change in changes.values():
            if change.episode.incident_id is not None:
                ensured = incidents.get(change.episode.incident_id, False)
                incidents[change.episode.incident_id] = ensured or change.must_ensure
            if change.must_open and change.episode.incident_id is not None:
                rows += store.open_statements(change.episode.incident_id)
                self._lifecycle.note_open(change.episode.incident_id)
        for wave in (evidence, log_ids, rows):
            store.write(wave)
        for change in changes.values():
            self._end_previous(change)
            metrics.ERRORS_COUNTED.inc(change.counted)
        not_before_ms = self._clock_ms() + self._gather_ms
        for incident, must_ensure in incidents.items():
            if must_ensure:
                self._outbox.ensure(incident, not_before_ms)
            self._changed(incident)

    def _end_previous(self, change: EpisodeChange) -> None:
        """A later episode of the group ends the earlier one's incident, unless it is the same."""
        previous = self._lifecycle.current_incident(change.previous) if change.previous else None
        if previous is None or not change.must_open or previous == change.episode.incident_id:
            return
        if not self._lifecycle.is_resolved(previous):
            self._lifecycle.end_earlier(previous, change.episode.first_ms)
