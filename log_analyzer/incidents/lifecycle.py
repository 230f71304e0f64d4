"""The life cycle of incidents: open, resolve when quiet, reopen, merge, escalate."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Protocol
from uuid import UUID

import structlog

from log_analyzer import metrics
from log_analyzer.episodes.change import EpisodeChange
from log_analyzer.episodes.episode import Episode, is_quiet
from log_analyzer.incidents.board_writer import BoardWriter, Merge
from log_analyzer.incidents.escalations import OVERLAP_MS, ConsumedEscalation
from log_analyzer.incidents.grouping.placement import Newcomer
from log_analyzer.incidents.parts_told import PartsTold
from log_analyzer.incidents.stores.episodes import EpisodeStore

RESOLVED_KEPT: Final = 10_000
MERGES_FOLLOWED: Final = 50  # a longer chain is none
# Errors that come on so long (event time) after an incident was ended by a later one go on with it.
GOES_ON_MS: Final = 60_000

_log = structlog.get_logger()


class Outbox(Protocol):
    """Where an incident's message waits until it is sent."""

    def ensure(self, incident: UUID, not_before_ms: int = 0) -> None:
        """Its message will be updated, or sent but not before `not_before_ms`; idempotent."""

    def ensure_all(self, happened: Mapping[UUID, int | None], not_before_ms: int = 0) -> None:
        """`ensure` for several; the event time (ms) of their newest errors says who goes first."""


class IncidentLifecycle:
    """The state of incidents beside the counting. Owned by one thread; blocks.

    All of it is safe when several instances do it at once. Raises the driver's errors.
    """

    def __init__(
        self,
        store: EpisodeStore,
        placer: BoardWriter,
        outbox: Outbox,
        quiet_ms: int,
        reopen_ms: int,
        gather_ms: int,
        changed: Callable[[UUID], None],
        clock_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._placer = placer
        self._outbox = outbox
        self._quiet_ms = quiet_ms
        self._reopen_ms = reopen_ms
        self._gather_ms = gather_ms
        self._changed = changed
        self._clock_ms = clock_ms
        # Recently resolved; with the event time (ms) of the last error if a later episode did that.
        self._resolved: OrderedDict[UUID, int | None] = OrderedDict()
        self._parts = PartsTold(store, self._tell, self._note_resolved, clock_ms)
        # When an incident can be quiet for so long at the earliest, by the wall clock.
        self._quiet_at: dict[tuple[UUID, int], int] = {}

    def take_over(self, episode: Episode) -> bool:
        """Finds the incident that a loaded episode belongs to now; True when it must be opened."""
        incident = self.current_incident(episode)
        if incident is None:
            return True
        row = self._store.incident(incident)
        for _ in range(MERGES_FOLLOWED):
            if row.merged_into is None:
                break
            incident = row.merged_into
            row = self._store.incident(incident)
        episode.incident_id = incident
        if row.status == "resolved":
            self._note_resolved(incident)
        return row.status is None

    def current_incident(self, episode: Episode) -> UUID | None:
        """The incident of an episode: by the board, where merges show first, else as last read."""
        return self._placer.incident_of(episode.episode_id) or episode.incident_id

    def place(self, changes: Iterable[EpisodeChange]) -> None:
        """Gives every episode of the batch its incident; those that come back take their place."""
        waiting = [
            change
            for change in changes
            if change.must_open and self._placer.incident_of(change.episode.episode_id) is None
        ]
        while waiting:
            # An episode's incident decides where the next episode of the group may return to.
            unplaced = {change.episode.episode_id for change in waiting}
            ready = [
                change
                for change in waiting
                if change.previous is None or change.previous.episode_id not in unplaced
            ]
            merges = self._placer.place([self._newcomer(change) for change in ready])
            self.merged(merges)
            for change in ready:
                episode = change.episode
                episode.incident_id = self._placer.incident_of(episode.episode_id)
            waiting = [change for change in waiting if change not in ready]

    def _newcomer(self, change: EpisodeChange) -> Newcomer:
        episode, previous = change.episode, change.previous
        returns_to = episode.incident_id
        before = self.current_incident(previous) if previous is not None else None
        if returns_to is None and previous is not None and before is not None:
            silent_ms = episode.first_ms - previous.last_ms - self._quiet_ms
            row = self._store.incident(before)
            own_group = row.merged_into is None and row.fingerprint == episode.fingerprint
            if (silent_ms <= self._reopen_ms or change.goes_on) and own_group:
                returns_to = before
        return Newcomer(
            episode.episode_id,
            episode.fingerprint,
            episode.service_name,
            episode.template,
            episode.opened_ms,
            returns_to,
            frozenset(change.names),
        )

    def merge(self) -> None:
        """Reads what other instances placed; merges incidents of one cause, splits those of two."""
        merges, parts = self._placer.refresh()
        self.merged(merges)
        self._parts.see(self._placer.left(), parts)

    def split(self, incident: UUID, service_name: str) -> set[UUID]:
        """Parts a service from an incident, and has the messages of both looked at."""
        parts = self._placer.split(incident, service_name)
        self._parts.see(self._placer.left(), parts)
        return parts

    def _tell(self, incident: UUID) -> None:
        self._outbox.ensure(incident)
        self._changed(incident)

    def merged(self, merges: Iterable[Merge]) -> None:
        """Has the messages of both incidents of each merge looked at."""
        for younger, older in merges:
            self._outbox.ensure(older, self._clock_ms() + self._gather_ms)
            self._changed(older)
            self._changed(younger)

    def resolve_quiet(self) -> None:
        """Resolves incidents that are quiet by the wall clock, also those of dead instances."""
        now_ms = self._clock_ms()
        open_ids = self._store.open_incidents()
        metrics.INCIDENTS_OPEN.set(len(open_ids))
        for incident in open_ids:
            silent_since_ms = self._silent_since(incident, now_ms, self._quiet_ms)
            if silent_since_ms is not None:
                # An error from the second half of the silence is newer than this decision.
                self._resolve(incident, now_ms, silent_since_ms + self._quiet_ms // 2)
        live = self._placer.live()
        over = live - set(open_ids)
        known = live.union(open_ids)
        self._quiet_at = {key: at for key, at in self._quiet_at.items() if key[0] in known}
        # Twice the quiet time, so that what comes a little late still finds its incident.
        long_ms = 2 * self._quiet_ms
        self._placer.retire(
            [one for one in over if self._silent_since(one, now_ms, long_ms) is not None]
        )

    def end_earlier(self, incident: UUID, start_ms: int) -> None:
        """Resolves one that was over (event time) when a later episode of its group began."""
        merged = self._store.incident(incident).merged_into is not None
        bounds = None if merged else self._store.bounds(incident)
        if bounds is not None and bounds.last_ms + self._quiet_ms < start_ms:
            self._resolve(incident, self._clock_ms(), bounds.last_arrival_ms)
            self._resolved[incident] = bounds.last_ms

    def goes_on(self, incident: UUID | None, until_ms: int) -> bool:
        """True when errors up to `until_ms` (event time) show that one wrong time had ended it."""
        ended_ms = self._resolved.get(incident) if incident is not None else None
        return ended_ms is not None and until_ms - ended_ms >= GOES_ON_MS

    def escalate(self, escalations: Iterable[ConsumedEscalation]) -> None:
        """Has the messages of incidents updated that stored escalations belong to."""
        touched = {
            incident
            for one in escalations
            for incident in self._placer.incidents_of(one.service_name)
            if self._overlaps(incident, one)
        }
        for incident in touched:
            self._outbox.ensure(incident, self._clock_ms() + self._gather_ms)
            self._changed(incident)

    def _overlaps(self, incident: UUID, one: ConsumedEscalation) -> bool:
        bounds = self._store.bounds(incident)
        return bounds is not None and one.overlaps(
            bounds.first_ms - OVERLAP_MS, bounds.last_ms + OVERLAP_MS
        )

    def is_resolved(self, incident: UUID | None) -> bool:
        """True if this process saw it resolved recently; another may have reopened it since."""
        return incident in self._resolved

    def mark_open(self, incident: UUID) -> None:
        """Notes that an incident was marked as open."""
        self._resolved.pop(incident, None)

    def forget(self) -> None:
        """Drops the known states; other instances may change them."""
        self._resolved.clear()

    def _note_resolved(self, incident: UUID) -> None:
        self._resolved[incident] = None
        # An error that comes to an older one finds it silent for long, and opens it by that.
        while len(self._resolved) > RESOLVED_KEPT:
            self._resolved.popitem(last=False)

    def _silent_since(self, incident: UUID, now_ms: int, quiet_ms: int) -> int | None:
        """When the last error of an incident came, if that is so long ago; None if it is not.

        Of one that is a part of another by now, when it could have been so at the latest.
        """
        # What arrives meanwhile only moves that time on, so until then it need not be read again.
        if self._quiet_at.get((incident, quiet_ms), 0) > now_ms:
            return None
        if self._store.incident(incident).merged_into is not None:
            return now_ms
        bounds = self._store.bounds(incident)
        # Opened, and its first errors not stored yet: whoever opened it will, or did and died.
        if bounds is None:
            return None
        last_ms = bounds.last_arrival_ms
        self._quiet_at[incident, quiet_ms] = last_ms + quiet_ms
        return last_ms if is_quiet(last_ms, now_ms, quiet_ms) else None

    def _resolve(self, incident: UUID, now_ms: int, as_of_ms: int) -> None:
        self._store.resolve(incident, now_ms, as_of_ms)
        self._note_resolved(incident)
        self._changed(incident)
        _log.info("incident_resolved", incident_id=str(incident))
