"""Counts errors into the episodes of their groups, each log id once."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Final
from uuid import UUID

from log_analyzer import metrics
from log_analyzer.episodes.bursts import Beginning, beginning_at, room_of_burst
from log_analyzer.episodes.change import EpisodeChange
from log_analyzer.episodes.consumed_error import ConsumedError
from log_analyzer.episodes.episode import Episode, covering
from log_analyzer.episodes.error_names import names_of
from log_analyzer.episodes.tally import MINUTE_MS, Tally
from log_analyzer.episodes.trace_links import trace_span
from log_analyzer.incidents.stores.episodes import OPENING_ATTEMPTS, EpisodeStore
from log_analyzer.incidents.stores.writes import LostRaceError

GROUPS_KEPT: Final = 5_000
EPISODES_KEPT: Final = 5
# What a remembered log id takes, with its place in a set; and all of them together.
LOG_ID_BYTES: Final = 128
LOG_IDS_MAX_BYTES: Final = 128 * 1024 * 1024
# So many errors of a new episode show what its errors name as well as all.
NAMED_ERRORS: Final = 20


class EpisodeCounter:
    """Recently used groups and their episodes, in bounded memory. Owned by one thread; blocks.

    It only counts in memory: what a batch changes is stored by its caller, or forgotten by it.

    Args:
        store: episodes in Cassandra.
        adopt: finds the incident of an episode that was read; True when it has none yet.
        quiet_ms: gap in event time that ends an episode.
        clock_ms: the wall clock, ms since the epoch.
    """

    def __init__(
        self,
        store: EpisodeStore,
        adopt: Callable[[Episode], bool],
        quiet_ms: int,
        clock_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._adopt = adopt
        self._quiet_ms = quiet_ms
        self._clock_ms = clock_ms
        self._groups: OrderedDict[UUID, dict[UUID, Episode]] = OrderedDict()
        self._group_bytes: dict[UUID, int] = {}

    def count(
        self, fingerprint: UUID, members: list[ConsumedError], services: Collection[str]
    ) -> dict[UUID, EpisodeChange]:
        """Counts errors of one group, the earliest first; returns what that changes by episode.

        Args:
            fingerprint: the group.
            members: its errors, in event time, so that the earliest of them opens.
            services: the services that errors may name.
        """
        known = self._groups.setdefault(fingerprint, {})
        self._groups.move_to_end(fingerprint)
        now_ms = self._clock_ms()
        own: dict[UUID, EpisodeChange] = {}
        change: EpisodeChange | None = None
        moments = [error.moment_ms for error in members]
        minute = -1
        for place, error in enumerate(members):
            at_ms = moments[place]
            if change is None or len(known) > 1 or not self._reaches(change, at_ms):
                episode = covering(known.values(), at_ms, self._quiet_ms)
                if episode is None:
                    episode = self._find_or_open(error, known, own)
                change = own.get(episode.episode_id) or self._continued(own, episode)
            tally = self._tally(change, error.partition)
            if at_ms // MINUTE_MS != minute and error.log_key not in tally.seen:
                # What comes with it in the same minute belongs where it does.
                minute = at_ms // MINUTE_MS
                found = beginning_at(change.episode, moments, place, known.values(), self._quiet_ms)
                change.more_evidence = room_of_burst(change.episode, moments, place)
                if found is not None:
                    change = self._open_beside(found, error, known, own)
                    tally = self._tally(change, error.partition)
            change.low_ms, change.high_ms = min(change.low_ms, at_ms), max(change.high_ms, at_ms)
            self._count(error, change, tally, now_ms, services)
        newest_ms = max(episode.first_ms for episode in known.values())
        for change in own.values():
            for partition in change.partitions:
                change.new[partition] = change.episode.tallies[partition].end_batch()
            change.superseded = change.episode.first_ms < newest_ms
        # The newest stay at hand; an older one is read again when a late error asks for it.
        for episode in sorted(known.values(), key=lambda one: one.last_ms)[:-EPISODES_KEPT]:
            known.pop(episode.episode_id)
        return own

    def forget(self, fingerprints: Collection[UUID] | None = None) -> None:
        """Drops the state of these groups, or of all, from memory; it is read again when needed."""
        for fingerprint in tuple(self._groups if fingerprints is None else fingerprints):
            self._groups.pop(fingerprint, None)
            self._group_bytes.pop(fingerprint, None)

    def shrink(self, touched: Collection[UUID]) -> None:
        """Drops the groups that were used longest ago, down to the bounds. All must be stored."""
        for fingerprint in touched:
            episodes = self._groups.get(fingerprint, {}).values()
            ids = sum(one.remembered_ids for one in episodes)
            self._group_bytes[fingerprint] = ids * LOG_ID_BYTES
        held = sum(self._group_bytes.values())
        while self._groups and (len(self._groups) > GROUPS_KEPT or held > LOG_IDS_MAX_BYTES):
            fingerprint, _ = self._groups.popitem(last=False)
            held -= self._group_bytes.pop(fingerprint, 0)
        metrics.LOG_ID_BYTES.set(held)

    def _reaches(self, change: EpisodeChange, at_ms: int) -> bool:
        return change.low_ms - self._quiet_ms <= at_ms <= change.high_ms + self._quiet_ms

    def _find_or_open(
        self, error: ConsumedError, known: dict[UUID, Episode], own: dict[UUID, EpisodeChange]
    ) -> Episode:
        for _ in range(OPENING_ATTEMPTS):
            # The revision first: if the group changes after it, the opening below fails.
            revision = self._store.revision(error.fingerprint)
            self._read_near(error, known, own)
            found = covering(known.values(), error.moment_ms, self._quiet_ms)
            if found is not None:
                return found
            opened = self._store.open(error, revision)
            if opened is not None:
                return self._opened(error, opened, known, own)
        raise LostRaceError(f"group {error.fingerprint} kept changing while opening an episode")

    def _open_beside(
        self,
        beginning: Beginning,
        error: ConsumedError,
        known: dict[UUID, Episode],
        own: dict[UUID, EpisodeChange],
    ) -> EpisodeChange:
        """Opens an episode beside another one whose quiet time includes it."""
        for _ in range(OPENING_ATTEMPTS):
            opened = self._store.open(error, self._store.revision(error.fingerprint))
            if opened is not None:
                self._opened(error, opened, known, own)
                own[opened].previous = beginning.previous
                own[opened].goes_on = beginning.previous is not None
                return own[opened]
        raise LostRaceError(f"group {error.fingerprint} kept changing while opening an episode")

    def _read_near(
        self, error: ConsumedError, known: dict[UUID, Episode], own: dict[UUID, EpisodeChange]
    ) -> None:
        for opened_ms, key in self._store.near(error.fingerprint, error.moment_ms):
            if key not in known:
                known[key] = self._store.load(_blank(error, key, opened_ms))
                must_open = self._adopt(known[key])
                own[key] = self._begun(known, key, must_open=must_open)

    def _opened(
        self,
        error: ConsumedError,
        key: UUID,
        known: dict[UUID, Episode],
        own: dict[UUID, EpisodeChange],
    ) -> Episode:
        known[key] = _blank(error, key, error.moment_ms)
        own[key] = self._begun(known, key, must_open=True)
        metrics.EPISODES_OPENED.inc()
        return known[key]

    @staticmethod
    def _continued(own: dict[UUID, EpisodeChange], episode: Episode) -> EpisodeChange:
        own[episode.episode_id] = EpisodeChange(episode, episode.first_ms, episode.last_ms)
        return own[episode.episode_id]

    def _begun(self, known: dict[UUID, Episode], key: UUID, *, must_open: bool) -> EpisodeChange:
        episode = known[key]
        change = EpisodeChange(episode, episode.first_ms, episode.last_ms)
        change.must_ensure = change.must_write = True
        change.must_open = must_open
        earlier = [one for one in known.values() if one.last_ms + self._quiet_ms < episode.first_ms]
        change.previous = max(earlier, key=lambda one: one.last_ms, default=None)
        return change

    def _count(
        self,
        error: ConsumedError,
        change: EpisodeChange,
        tally: Tally,
        now_ms: int,
        services: Collection[str],
    ) -> None:
        episode = change.episode
        # After such a silence any instance may have resolved it meanwhile.
        silent = not change.counted and now_ms - episode.last_arrival_ms >= self._quiet_ms // 2
        is_known = episode.knows_elsewhere(error.log_key, error.partition)
        if is_known or not tally.add(error, now_ms):
            metrics.ERRORS_KNOWN.inc()
            return
        change.reopens = change.reopens or silent
        change.counted += 1
        change.partitions.add(error.partition)
        event = error.event
        change.keep_as_evidence(error)
        if change.must_open and change.counted <= NAMED_ERRORS:
            change.names |= names_of(event, services)
        span = trace_span(event)
        if span is not None:
            change.spans.add(span)

    def _tally(self, change: EpisodeChange, partition: int) -> Tally:
        """The loaded tally of a partition; what others have counted is looked up once a batch."""
        episode = change.episode
        tally = episode.tallies.get(partition)
        if tally is None or not tally.loaded:
            tally = episode.tallies.setdefault(partition, Tally())
            tally.load(self._store.load_log_ids(episode.episode_id, partition))
            change.must_write = True
            # A crash came between the log ids and their tally: what followed is missing too.
            change.reopens = change.reopens or len(tally.seen) != tally.stored_count
        if not change.looked_elsewhere:
            change.looked_elsewhere = True
            if any(not one.loaded for one in episode.tallies.values()):
                self._look_elsewhere(episode)
        return tally

    def _look_elsewhere(self, episode: Episode) -> None:
        """Reads what other instances have counted of an episode from their partitions.

        A service has one partition, unless there are more of them than before, or a sender chooses
        them otherwise; then an error that is sent again may come by another way.
        """
        stored = self._store.remembered(episode.episode_id)
        for partition, tally in episode.tallies.items():
            ids = episode.elsewhere.get(partition)
            if not tally.loaded and len(ids or ()) != stored.get(partition, 0):
                episode.elsewhere[partition] = frozenset(
                    self._store.load_log_ids(episode.episode_id, partition)
                )


def _blank(error: ConsumedError, key: UUID, opened_ms: int) -> Episode:
    return Episode(key, error.fingerprint, error.service_name, error.template, opened_ms)
