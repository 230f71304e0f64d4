"""Groups recorded errors into incidents as the analyzer does, without services."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, cast
from uuid import UUID

from firstcause.events.log_event import LogEvent
from firstcause.incidents.view import ErrorGroup, Evidence
from log_analyzer.episodes.consumed_error import ConsumedError
from log_analyzer.incidents.call_graph import CallGraph
from log_analyzer.incidents.stores.board_in_memory import BoardInMemory
from log_analyzer.incidents.stores.episodes_in_memory import EpisodesInMemory
from log_analyzer.incidents.tracker import IncidentTracker
from log_analyzer.intake.mining import with_template
from log_analyzer.suspects.trace_complaint import complaint_of
from log_templates.miner import TemplateMiner

QUIET_MS: Final = 900_000
REOPEN_MS: Final = 600_000
# As the consumer does: so many errors make a batch, or so long a wait.
BATCH_ERRORS: Final = 50
BATCH_MS: Final = 2_000
# So long after an error its trace is stored and read, and of an episode so many.
STORED_MS: Final = 5_000
TRACES_READ: Final = 24


@dataclass(frozen=True, slots=True)
class RecordedIncident:
    """An incident of recorded errors: all of them, and those it would keep as evidence."""

    incident_id: UUID
    log_ids: frozenset[str]
    groups: tuple[ErrorGroup, ...]
    evidence: tuple[Evidence, ...]

    @property
    def first_ms(self) -> int:
        """Event time of its first error."""
        return min(one.first_ms for one in self.groups)

    @property
    def last_ms(self) -> int:
        """Event time of its last error."""
        return max(one.last_ms for one in self.groups)


class _NoOutbox:
    """Nobody is told anything."""

    def ensure(self, incident: UUID, not_before_ms: int = 0) -> None:
        """Nothing is sent."""

    def ensure_all(self, happened: Mapping[UUID, int | None], not_before_ms: int = 0) -> None:
        """Nothing is sent."""


class _TraceReader:
    """Blames as the gathering of contexts finds them: of evidence, once its traces are stored."""

    def __init__(self, events: Sequence[LogEvent]) -> None:
        self._logs = traces_of(events)
        self._services = {event.service_name for event in events}
        self._read: set[str] = set()

    def blames(
        self, evidence: Mapping[UUID, Sequence[ConsumedError]], now_ms: int
    ) -> dict[str, str]:
        """By trace id, of traces whose first kept error is `STORED_MS` old."""
        found: dict[str, str] = {}
        for kept in evidence.values():
            for one in kept[:TRACES_READ]:
                trace_id = one.event.trace_id
                if trace_id in self._read or trace_id is None:
                    continue
                if one.event.timestamp_ms + STORED_MS > now_ms:
                    continue
                self._read.add(trace_id)
                logs = [log for log in self._logs[trace_id] if log.timestamp_ms <= now_ms]
                complaint = complaint_of(logs, self._services)
                if complaint is not None:
                    found[trace_id] = complaint
        return found


def traces_of(events: Iterable[LogEvent]) -> dict[str, list[LogEvent]]:
    """The events by trace id; without those that have none."""
    found: dict[str, list[LogEvent]] = defaultdict(list)
    for event in events:
        if event.trace_id is not None:
            found[event.trace_id].append(event)
    return found


def incidents_of(
    events: Sequence[LogEvent],
    graph: CallGraph,
    miner: TemplateMiner | None = None,
    *,
    quiet_ms: int = QUIET_MS,
    reopen_ms: int = REOPEN_MS,
) -> tuple[RecordedIncident, ...]:
    """The final incidents of the errors among some events, oldest first.

    Args:
        events: of any level, in any order.
        graph: the calls that are known from before.
        miner: knows the templates of before, and learns; a new one without it.
        quiet_ms: an episode ends when its group was quiet for so long.
        reopen_ms: beyond that, a group that returns within this time reopens its incident.
    """
    errors = sorted(
        (one for one in events if one.is_error), key=lambda one: (one.timestamp_ms, one.log_id)
    )
    services = {one.service_name for one in events}
    store, board = EpisodesInMemory(), BoardInMemory()
    now = [0]
    tracker = IncidentTracker(
        store=store,
        board=board,
        escalations=cast(Any, None),
        outbox=_NoOutbox(),
        load_graph=lambda: graph,
        quiet_ms=quiet_ms,
        reopen_ms=reopen_ms,
        gather_ms=0,
        load_services=lambda: services,
        new_complaints=lambda: reader.blames(store.evidence, now[0]),
        clock_ms=lambda: now[0],
        monotonic=lambda: now[0] / 1_000,
    )
    miner = miner or TemplateMiner()
    offset = 0
    reader = _TraceReader(events)
    for batch in _batches(errors):
        now[0] = batch[-1].timestamp_ms
        tracker.record([with_template(miner, one, 0, offset + n) for n, one in enumerate(batch)])
        tracker.merge()
        offset += len(batch)
    now[0] += 2 * STORED_MS
    tracker.merge()
    members: dict[UUID, list[UUID]] = {}
    for row in board.read().rows.values():
        members.setdefault(row.incident_id, []).append(row.episode_id)
    of_id = {one.log_id.replace("-", ""): one for one in errors}
    found = []
    for incident, episodes in members.items():
        counted = {key: [of_id[one.hex()] for one in store.log_ids[key]] for key in episodes}
        kept = [one.event for key in episodes for one in store.evidence[key]]
        rows = board.read().rows
        found.append(
            RecordedIncident(
                incident,
                frozenset(one.log_id for own in counted.values() for one in own),
                tuple(
                    ErrorGroup(
                        rows[key].fingerprint,
                        rows[key].service_name,
                        rows[key].template,
                        len(own),
                        min(one.timestamp_ms for one in own),
                        max(one.timestamp_ms for one in own),
                    )
                    for key, own in counted.items()
                ),
                tuple(map(_evidence, kept)),
            )
        )
    return tuple(sorted(found, key=lambda one: (one.first_ms, one.incident_id)))


def _batches(errors: Sequence[LogEvent]) -> Iterable[list[LogEvent]]:
    batch: list[LogEvent] = []
    for one in errors:
        full = len(batch) >= BATCH_ERRORS
        if batch and (full or one.timestamp_ms - batch[0].timestamp_ms >= BATCH_MS):
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


def _evidence(event: LogEvent) -> Evidence:
    return Evidence(
        event.log_id,
        event.timestamp_ms,
        event.service_name,
        event.level,
        event.message,
        event.error_code,
        event.trace_id,
        event.span_id,
        event.parent_span_id,
    )
