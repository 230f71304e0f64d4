"""Incidents: what they are made of, and the decisions about them. Pure; no I/O.

An incident is a session in event time: the errors of one group (service and message template)
with no gap longer than the quiet time. An error within the quiet time of an incident, before
or after, belongs to it, open or resolved; so a late or replayed error finds its own incident.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal
from uuid import UUID

from firstcause.identity import derived_id
from firstcause.log_event import LogEvent

Status = Literal["open", "resolved"]
Severity = Literal["critical", "high", "medium", "low"]

# An incident remembers so many log ids for each partition of the topic. Up to here a file that
# is sent again counts nothing again; beyond, only redelivered offsets are known as such.
REMEMBERED_LOG_IDS: Final = 50_000
EVIDENCE_LIMIT: Final = 40
TRACES_LIMIT: Final = 200
TITLE_CHARS: Final = 120


@dataclass(frozen=True, slots=True)
class ConsumedError:
    """An error as it came: the event, its place in Kafka, its bytes, its template, its headers."""

    event: LogEvent
    partition: int
    offset: int
    value: bytes
    template: str
    key: bytes | None = None
    headers: tuple[tuple[str, bytes | None], ...] = ()

    @property
    def fingerprint(self) -> UUID:
        """The group that the error belongs to."""
        return group_fingerprint(self.event.service_name, self.template)


@functools.lru_cache(maxsize=10_000)
def group_fingerprint(service_name: str, template: str) -> UUID:
    """The identity of a group: the service and the message template."""
    return derived_id("group", service_name, template)


@dataclass(slots=True)
class Tally:
    """What one Kafka partition has brought to an incident. Times in ms since the epoch.

    `overflow` counts beyond `REMEMBERED_LOG_IDS`. `high_offset` is the last offset of earlier
    batches, `batch_offset` that of the batch under way: it comes in event time, not by offset.
    Only a tally whose log ids are `loaded` may count or be written: it is the owner's.
    `stored_count` is the number of log ids that the stored row speaks of.
    """

    seen: set[bytes] = field(default_factory=set)
    loaded: bool = False
    stored_count: int = 0
    overflow: int = 0
    high_offset: int = -1
    batch_offset: int = -1
    first_ms: int | None = None
    last_ms: int | None = None
    last_arrival_ms: int = 0
    fatal: bool = False

    @property
    def count(self) -> int:
        """Errors counted, each once."""
        return len(self.seen) + self.overflow

    def add(self, error: ConsumedError, arrival_ms: int) -> bool:
        """Counts an error; False when it was counted before. After a batch: `end_batch`."""
        # Done for a known error too: after a crash its log id may stand without its tally.
        moment = error.event.timestamp_ms
        self.first_ms = moment if self.first_ms is None else min(self.first_ms, moment)
        self.last_ms = moment if self.last_ms is None else max(self.last_ms, moment)
        self.fatal = self.fatal or error.event.level == "FATAL"
        key = UUID(error.event.log_id).bytes
        if key in self.seen:
            return False
        if len(self.seen) < REMEMBERED_LOG_IDS:
            self.seen.add(key)
        elif error.offset > self.high_offset:
            self.overflow += 1
        else:
            return False
        self.batch_offset = max(self.batch_offset, error.offset)
        self.last_arrival_ms = arrival_ms
        return True

    def end_batch(self) -> None:
        """What was added so far is known from now on by its offset."""
        self.high_offset = max(self.high_offset, self.batch_offset)


@dataclass(slots=True)
class Incident:
    """One incident as this process knows it. Times in ms since the epoch."""

    incident_id: UUID
    fingerprint: UUID
    service_name: str
    template: str
    opened_ms: int
    status: Status = "open"
    suspects: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    tallies: dict[int, Tally] = field(default_factory=dict)
    evidence_ids: set[str] = field(default_factory=set)
    trace_ids: set[str] = field(default_factory=set)

    @property
    def first_ms(self) -> int:
        """Event time of its first error."""
        return min([self.opened_ms, *(t.first_ms for t in self.tallies.values() if t.first_ms)])

    @property
    def last_ms(self) -> int:
        """Event time of its last error."""
        return max([self.opened_ms, *(t.last_ms for t in self.tallies.values() if t.last_ms)])

    @property
    def title(self) -> str:
        """One line: where and what."""
        return title(self.service_name, self.template)


def title(service_name: str, template: str) -> str:
    """The one line that names an incident."""
    text = f"{service_name}: {template}"
    return text if len(text) <= TITLE_CHARS else text[: TITLE_CHARS - 1] + "…"


def incident_id(fingerprint: UUID, first_log_id: str) -> UUID:
    """The identity of the incident that this error opens."""
    return derived_id("incident", str(fingerprint), first_log_id)


def covering(incidents: Iterable[Incident], moment_ms: int, quiet_ms: int) -> Incident | None:
    """The incident that an error at `moment_ms` belongs to, or None: it opens a new one.

    Of two it takes the nearer, of two equally near the earlier, so that all instances agree.
    """

    def distance(incident: Incident) -> int:
        return max(incident.first_ms - moment_ms, moment_ms - incident.last_ms, 0)

    near = [incident for incident in incidents if distance(incident) <= quiet_ms]
    return min(near, key=lambda one: (distance(one), one.opened_ms, one.incident_id), default=None)


def severity(error_count: int, fatal: bool) -> Severity:
    """How bad: any FATAL is critical; else by the number of errors. A later version knows more."""
    if fatal:
        return "critical"
    if error_count >= 100:  # noqa: PLR2004
        return "high"
    return "medium" if error_count >= 10 else "low"  # noqa: PLR2004


def is_quiet(last_arrival_ms: int, now_ms: int, quiet_ms: int) -> bool:
    """True when nothing of an incident has arrived for the quiet time by the wall clock."""
    return now_ms - last_arrival_ms >= quiet_ms
