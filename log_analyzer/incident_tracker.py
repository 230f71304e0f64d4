"""Errors become incidents: the state that the consumer loop keeps, stored before it commits."""

from __future__ import annotations

import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import UUID

import structlog

from log_analyzer import metrics
from log_analyzer.incident import (
    EVIDENCE_LIMIT,
    TRACES_LIMIT,
    ConsumedError,
    Incident,
    Tally,
    covering,
    is_quiet,
)
from log_analyzer.incident_store import OPENING_ATTEMPTS, IncidentStore
from log_analyzer.suspects import RecentTraces, rank_suspects

GROUPS_KEPT: Final = 5_000
INCIDENTS_KEPT: Final = 5

_log = structlog.get_logger()


class Outbox(Protocol):
    """Where an incident's message waits until it is sent."""

    def ensure(self, incident: UUID) -> None:
        """Makes sure that the incident's message will be sent or updated; idempotent."""


@dataclass(slots=True)
class _Change:
    """What a batch adds to one incident."""

    incident: Incident
    new: dict[int, list[ConsumedError]] = field(default_factory=lambda: defaultdict(list))
    evidence: list[ConsumedError] = field(default_factory=list)
    must_ensure: bool = False
    must_write: bool = False
    reopens: bool = False


class IncidentTracker:
    """Counts errors into incidents, each log id once. Owned by one thread.

    Writes go by incident, not by error: log ids in mutations of a hundred, one tally and one row
    an incident, all incidents of a batch at once. When a write fails, what was held of these
    groups is forgotten and read again.

    Args:
        store: incidents in Cassandra.
        outbox: where messages wait.
        quiet_ms: gap in event time that ends an incident.
        changed: called with the id of each incident that was written.
        clock_ms: the wall clock, ms since the epoch.
    """

    def __init__(
        self,
        store: IncidentStore,
        outbox: Outbox,
        quiet_ms: int,
        changed: Callable[[UUID], None] = lambda _: None,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._quiet_ms = quiet_ms
        self._changed = changed
        self._clock_ms = clock_ms
        self._groups: OrderedDict[UUID, dict[UUID, Incident]] = OrderedDict()
        self._traces = RecentTraces()

    def record(self, errors: Iterable[ConsumedError]) -> None:
        """Counts these errors. When it returns, all that follows from them is stored.

        Safe to repeat with the same errors, whole or in part, in this process or another.

        Raises:
            Exception: the driver's, when Cassandra is away; nothing may be committed then.
        """
        groups: dict[UUID, list[ConsumedError]] = defaultdict(list)
        for error in errors:
            self._traces.add(error.event)
            groups[error.fingerprint].append(error)
        changes: dict[UUID, _Change] = {}
        try:
            for fingerprint, members in groups.items():
                # In event time, so that the earliest of them opens.
                members.sort(key=lambda error: (error.event.timestamp_ms, error.event.log_id))
                changes |= self._count_group(fingerprint, members)
            self._write(changes)
        except BaseException:
            for fingerprint in groups:
                self._groups.pop(fingerprint, None)
            raise
        while len(self._groups) > GROUPS_KEPT:
            self._groups.popitem(last=False)

    def forget(self) -> None:
        """Drops all that is held; what other instances store meanwhile is read afresh."""
        self._groups.clear()

    def refresh_suspects(self, opened_after_ms: int) -> None:
        """Ranks suspects again for incidents of late, as other services' errors came in."""
        for group in self._groups.values():
            for incident in group.values():
                last = max((t.last_arrival_ms for t in incident.tallies.values()), default=0)
                if last >= opened_after_ms and self._rank(incident):
                    self._store.write(self._store.incident_statements(incident, with_day=False))
                    self._changed(incident.incident_id)

    def resolve_quiet(self) -> None:
        """Resolves what has been quiet by the wall clock, also of instances that are gone.

        Safe when several instances do it at once. Raises the driver's errors.
        """
        now_ms = self._clock_ms()
        cached = {key: one for group in self._groups.values() for key, one in group.items()}
        open_ids = self._store.open_incidents()
        metrics.INCIDENTS_OPEN.set(len(open_ids))
        for key in open_ids:
            if is_quiet(self._store.last_arrival_ms(key), now_ms, self._quiet_ms):
                self._store.resolve(key, now_ms)
                if key in cached:
                    cached[key].status = "resolved"
                self._changed(key)
                _log.info("incident_resolved", incident_id=str(key))

    def _count_group(self, fingerprint: UUID, members: list[ConsumedError]) -> dict[UUID, _Change]:
        known = self._groups.setdefault(fingerprint, {})
        self._groups.move_to_end(fingerprint)
        changes: dict[UUID, _Change] = {}
        for error in members:
            incident = covering(known.values(), error.event.timestamp_ms, self._quiet_ms)
            if incident is None:
                incident = self._find_or_open(error, known, changes)
            change = changes.setdefault(incident.incident_id, _Change(incident))
            self._count(incident, error, change)
        newest = max(incident.first_ms for incident in known.values())
        for change in changes.values():
            incident = change.incident
            for partition in change.new:
                incident.tallies[partition].end_batch()
            superseded = incident.first_ms < newest
            returns = change.reopens or (change.new and incident.status == "resolved")
            if returns and not superseded:
                incident.status = "open"
                change.must_ensure = change.must_write = True
            if change.new or change.must_write:
                self._rank(incident)
        # The newest stay at hand; an older one is read again when a late error asks for it.
        for incident in sorted(known.values(), key=lambda one: one.last_ms)[:-INCIDENTS_KEPT]:
            known.pop(incident.incident_id)
        return changes

    def _find_or_open(
        self, error: ConsumedError, known: dict[UUID, Incident], changes: dict[UUID, _Change]
    ) -> Incident:
        moment_ms = error.event.timestamp_ms
        for _ in range(OPENING_ATTEMPTS):
            # The revision first: if the group changes after it, the opening below fails.
            revision = self._store.revision(error.fingerprint)
            for opened_ms, key in self._store.near(error.fingerprint, moment_ms):
                if key not in known:
                    known[key] = self._store.load(self._blank(error, key, opened_ms))
                    changes[key] = _Change(known[key], must_ensure=True, must_write=True)
            found = covering(known.values(), moment_ms, self._quiet_ms)
            if found is not None:
                return found
            opened = self._store.open(error, revision)
            if opened is not None:
                known[opened] = self._blank(error, opened, moment_ms)
                changes[opened] = _Change(known[opened], must_ensure=True, must_write=True)
                self._end_earlier(known, opened, changes)
                metrics.INCIDENTS_OPENED.inc()
                _log.info(
                    "incident_opened",
                    incident_id=str(opened),
                    service_name=error.event.service_name,
                    template=error.template,
                    log_id=error.event.log_id,
                )
                return known[opened]
        raise RuntimeError(f"group {error.fingerprint} kept changing while opening an incident")

    def _end_earlier(
        self, known: dict[UUID, Incident], opened: UUID, changes: dict[UUID, _Change]
    ) -> None:
        """A new incident of the group, later by more than the quiet time, ends earlier ones."""
        start = known[opened].first_ms
        for key, incident in known.items():
            if incident.status == "open" and incident.last_ms + self._quiet_ms < start:
                incident.status = "resolved"
                changes.setdefault(key, _Change(incident)).must_write = True

    @staticmethod
    def _blank(error: ConsumedError, key: UUID, opened_ms: int) -> Incident:
        return Incident(key, error.fingerprint, error.event.service_name, error.template, opened_ms)

    def _count(self, incident: Incident, error: ConsumedError, change: _Change) -> None:
        tally = incident.tallies.setdefault(error.partition, Tally())
        if not tally.loaded:
            tally.seen = self._store.load_log_ids(incident.incident_id, error.partition)
            tally.loaded = True
            change.must_write = True
            # A crash came between the log ids and their tally: what followed is missing too.
            change.reopens = change.reopens or len(tally.seen) != tally.stored_count
        now_ms = self._clock_ms()
        last = max(one.last_arrival_ms for one in incident.tallies.values())
        if not tally.add(error, now_ms):
            metrics.ERRORS_KNOWN.inc()
            return
        change.new[error.partition].append(error)
        # After such a silence any instance may have resolved it meanwhile.
        change.reopens = change.reopens or now_ms - last >= self._quiet_ms // 2
        log_id = error.event.log_id
        if len(incident.evidence_ids) < EVIDENCE_LIMIT:
            incident.evidence_ids.add(log_id)
            change.evidence.append(error)
        if error.event.trace_id and len(incident.trace_ids) < TRACES_LIMIT:
            incident.trace_ids.add(error.event.trace_id)

    def _rank(self, incident: Incident) -> bool:
        traces = self._traces.of(incident.trace_ids)
        suspects = rank_suspects(incident.service_name, traces)
        # After a restart the traces of others are forgotten; what was found out then stays.
        if len(suspects) == 1 and incident.suspects:
            return False
        changed = suspects != incident.suspects
        incident.suspects = suspects
        incident.services = tuple(sorted({incident.service_name, *suspects}))
        return changed

    def _write(self, changes: dict[UUID, _Change]) -> None:
        """All groups' writes together: three waves, whatever the number of errors and groups."""
        store = self._store
        evidence, log_ids, rows = [], [], []
        for key, change in changes.items():
            evidence += store.evidence_statements(key, change.evidence)
            for partition, new in change.new.items():
                # An id beyond the limit is counted in the tally; read back, it would count twice.
                seen = change.incident.tallies[partition].seen
                errors = [one for one in new if UUID(one.event.log_id).bytes in seen]
                log_ids += store.error_statements(key, partition, errors)
            if change.new or change.must_write:
                rows += store.incident_statements(change.incident, with_day=change.must_ensure)
        # Evidence before log ids: an error whose id is stored is not looked at again. Log ids
        # before tallies: a tally never speaks of more than is remembered.
        for wave in (evidence, log_ids, rows):
            store.write(wave)
        for key, change in changes.items():
            if change.must_ensure:
                self._outbox.ensure(key)
            self._changed(key)
            metrics.ERRORS_COUNTED.inc(sum(map(len, change.new.values())))
