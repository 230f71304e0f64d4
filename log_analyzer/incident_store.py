"""What the analyzer keeps in Cassandra about incidents: reading it back, and writing it.

All writes but the opening are plain upserts by identity: doing them again changes nothing.
Every method blocks, and raises the driver's own errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from cassandra.cluster import (
    ConsistencyLevel,
    NoHostAvailable,
    OperationTimedOut,
    Session,
)
from cassandra.concurrent import execute_concurrent
from cassandra.connection import ConnectionException
from cassandra.protocol import ErrorMessage
from cassandra.query import BatchStatement, BatchType, PreparedStatement

# The driver; mypy takes the folder of the same name for it.
from cassandra import RequestExecutionException  # type: ignore[attr-defined]
from log_analyzer.incident import ConsumedError, Incident, Tally, incident_id

# A batch of one partition is one mutation; so many log ids stay well under the warning size.
LOG_IDS_OF_A_BATCH: Final = 100
EVIDENCE_MESSAGE_CHARS: Final = 2_000
ERROR_CODE_CHARS: Final = 200
OPENING_ATTEMPTS: Final = 20
WRITES_AT_ONCE: Final = 50

# A statement and its values.
Write = tuple[PreparedStatement | BatchStatement, tuple[object, ...]]

# Cassandra is away, slow or overloaded: the same write may work later. Anything else will not.
# ErrorMessage itself is what the driver has no class for: a node that starts, stops, is overloaded.
STORE_AWAY: Final = (
    NoHostAvailable,
    OperationTimedOut,
    RequestExecutionException,
    ConnectionException,
    ErrorMessage,
)

_CQL: Final = {
    "revision": "SELECT revision FROM group_incidents WHERE fingerprint = ? LIMIT 1",
    "group_before": "SELECT opened_at, incident_id FROM group_incidents "
    "WHERE fingerprint = ? AND opened_at <= ? ORDER BY opened_at DESC LIMIT 2",
    "group_after": "SELECT opened_at, incident_id FROM group_incidents "
    "WHERE fingerprint = ? AND opened_at > ? ORDER BY opened_at ASC LIMIT 1",
    "open_first": "UPDATE group_incidents SET revision = 1 WHERE fingerprint = ? "
    "IF revision = null",
    "open_next": "UPDATE group_incidents SET revision = ? WHERE fingerprint = ? IF revision = ?",
    "open_row": "INSERT INTO group_incidents (fingerprint, opened_at, incident_id) "
    "VALUES (?, ?, ?)",
    "incident": "SELECT * FROM incidents WHERE incident_id = ?",
    "tallies": "SELECT * FROM incident_tallies WHERE incident_id = ?",
    "errors": "SELECT log_id FROM incident_errors WHERE incident_id = ? AND kafka_partition = ?",
    "evidence": "SELECT * FROM incident_evidence WHERE incident_id = ?",
    "open_incidents": "SELECT incident_id FROM incidents WHERE status = 'open'",
    "write_incident": "INSERT INTO incidents (incident_id, fingerprint, service_name, template, "
    "title, opened_at, status, suspects, services) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "write_day": "INSERT INTO incidents_by_day (day, opened_at, incident_id, service_name) "
    "VALUES (?, ?, ?, ?)",
    "write_days": "INSERT INTO incident_days (scope, day) VALUES ('all', ?)",
    "write_tally": "INSERT INTO incident_tallies (incident_id, kafka_partition, remembered, "
    "overflow, high_offset, first_seen, last_seen, last_arrival, fatal) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "write_error": "INSERT INTO incident_errors (incident_id, kafka_partition, log_id, timestamp)"
    " VALUES (?, ?, ?, ?)",
    "write_evidence": "INSERT INTO incident_evidence (incident_id, timestamp, log_id, "
    "service_name, level, message, error_code, trace_id, span_id, parent_span_id) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "resolve": "UPDATE incidents SET status = 'resolved', resolved_at = ? WHERE incident_id = ?",
}


def moment(milliseconds: int) -> datetime:
    """Milliseconds since the epoch as a UTC time."""
    return datetime.fromtimestamp(milliseconds / 1000, UTC)


def milliseconds(moment_: datetime | None) -> int | None:
    """A time that Cassandra returned (UTC, naive) as ms since the epoch; None stays None."""
    if moment_ is None:
        return None
    aware = moment_.replace(tzinfo=UTC) if moment_.tzinfo is None else moment_
    return round(aware.timestamp() * 1000)


def prepare_all(session: Session, statements: dict[str, str]) -> dict[str, PreparedStatement]:
    """Prepares named statements at quorum, so that what was stored survives a lost node."""
    prepared = {name: session.prepare(cql) for name, cql in statements.items()}
    for statement in prepared.values():
        statement.consistency_level = ConsistencyLevel.LOCAL_QUORUM
        statement.serial_consistency_level = ConsistencyLevel.LOCAL_SERIAL
    return prepared


class IncidentStore:
    """Incidents in Cassandra, as the consumer loop needs them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)

    def _rows(self, name: str, *values: object) -> list[Any]:
        return list(self._session.execute(self._statements[name], values))

    def near(self, fingerprint: UUID, moment_ms: int) -> list[tuple[int, UUID]]:
        """The group's incidents opened around a time: two before it and one after it."""
        rows = self._rows("group_before", fingerprint, moment(moment_ms))
        rows += self._rows("group_after", fingerprint, moment(moment_ms))
        return [(milliseconds(row.opened_at) or 0, row.incident_id) for row in rows]

    def revision(self, fingerprint: UUID) -> int | None:
        """How many incidents the group has had; None for none. Read it before `near`."""
        rows = self._rows("revision", fingerprint)
        return rows[0].revision if rows else None

    def open(self, first: ConsumedError, revision: int | None) -> UUID | None:
        """Opens an incident by `first`, unless the group has changed since `revision`.

        Returns its id, or None when another was faster: read the group again then.
        """
        opened = incident_id(first.fingerprint, first.event.log_id)
        batch = BatchStatement(
            consistency_level=ConsistencyLevel.LOCAL_QUORUM,
            serial_consistency_level=ConsistencyLevel.LOCAL_SERIAL,
        )
        if revision is None:
            batch.add(self._statements["open_first"], (first.fingerprint,))
        else:
            values = (revision + 1, first.fingerprint, revision)
            batch.add(self._statements["open_next"], values)
        at = moment(first.event.timestamp_ms)
        batch.add(self._statements["open_row"], (first.fingerprint, at, opened))
        return opened if self._session.execute(batch).was_applied else None

    def load(self, blank: Incident) -> Incident:
        """`blank` filled with what is stored of it: its row, tallies, log ids and evidence."""
        key = blank.incident_id
        for row in self._rows("incident", key):
            blank.status = row.status or "open"
            blank.suspects = tuple(row.suspects or ())
            blank.services = tuple(row.services or ())
        for row in self._rows("tallies", key):
            blank.tallies[row.kafka_partition] = Tally(
                stored_count=row.remembered or 0,
                overflow=row.overflow or 0,
                high_offset=-1 if row.high_offset is None else row.high_offset,
                first_ms=milliseconds(row.first_seen),
                last_ms=milliseconds(row.last_seen),
                last_arrival_ms=milliseconds(row.last_arrival) or 0,
                fatal=bool(row.fatal),
            )
        for row in self._rows("evidence", key):
            blank.evidence_ids.add(str(row.log_id))
            if row.trace_id:
                blank.trace_ids.add(row.trace_id)
        return blank

    def load_log_ids(self, incident: UUID, partition: int) -> set[bytes]:
        """The log ids that an incident has counted from one Kafka partition."""
        return {row.log_id.bytes for row in self._rows("errors", incident, partition)}

    def error_statements(
        self, incident: UUID, partition: int, errors: Sequence[ConsumedError]
    ) -> list[Write]:
        """Remember log ids as counted: one mutation for each hundred."""
        statement = self._statements["write_error"]
        batches: list[Write] = []
        for start in range(0, len(errors), LOG_IDS_OF_A_BATCH):
            batch = BatchStatement(
                batch_type=BatchType.UNLOGGED, consistency_level=ConsistencyLevel.LOCAL_QUORUM
            )
            for error in errors[start : start + LOG_IDS_OF_A_BATCH]:
                event = error.event
                at = moment(event.timestamp_ms)
                batch.add(statement, (incident, partition, UUID(event.log_id), at))
            batches.append((batch, ()))
        return batches

    def evidence_statements(self, incident: UUID, errors: Iterable[ConsumedError]) -> list[Write]:
        """Keep errors as evidence, their messages and error codes cut to a bound."""
        return [
            (
                self._statements["write_evidence"],
                (
                    incident,
                    moment(error.event.timestamp_ms),
                    UUID(error.event.log_id),
                    error.event.service_name,
                    error.event.level,
                    error.event.message[:EVIDENCE_MESSAGE_CHARS],
                    (error.event.error_code or "")[:ERROR_CODE_CHARS] or None,
                    error.event.trace_id,
                    error.event.span_id,
                    error.event.parent_span_id,
                ),
            )
            for error in errors
        ]

    def incident_statements(self, incident: Incident, *, with_day: bool) -> list[Write]:
        """Write an incident's row and the tallies it owns; `with_day`, its place among the days."""
        writes: list[Write] = [
            (
                self._statements["write_tally"],
                (
                    incident.incident_id,
                    partition,
                    len(tally.seen),
                    tally.overflow,
                    tally.high_offset,
                    moment(tally.first_ms if tally.first_ms is not None else incident.opened_ms),
                    moment(tally.last_ms if tally.last_ms is not None else incident.opened_ms),
                    moment(tally.last_arrival_ms),
                    tally.fatal,
                ),
            )
            for partition, tally in incident.tallies.items()
            if tally.loaded
        ]
        opened = moment(incident.opened_ms)
        row = (
            incident.incident_id,
            incident.fingerprint,
            incident.service_name,
            incident.template,
            incident.title,
            opened,
            incident.status,
            list(incident.suspects),
            list(incident.services),
        )
        writes.append((self._statements["write_incident"], row))
        if with_day:
            day = (opened.date(), opened, incident.incident_id, incident.service_name)
            writes.append((self._statements["write_days"], (opened.date(),)))
            writes.append((self._statements["write_day"], day))
        return writes

    def write(self, writes: Sequence[Write]) -> None:
        """Does all of these writes, many at a time; returns when all are durable."""
        if writes:
            execute_concurrent(
                self._session, writes, concurrency=WRITES_AT_ONCE, raise_on_first_error=True
            )

    def open_incidents(self) -> list[UUID]:
        """The ids of all open incidents, whoever watches them."""
        return [row.incident_id for row in self._rows("open_incidents")]

    def last_arrival_ms(self, incident: UUID) -> int:
        """When the last error of an incident arrived (wall clock); 0 when none is stored."""
        rows = self._rows("tallies", incident)
        return max((milliseconds(row.last_arrival) or 0 for row in rows), default=0)

    def resolve(self, incident: UUID, now_ms: int) -> None:
        """Marks an incident as resolved. An error that still belongs to it opens it again."""
        self._rows("resolve", moment(now_ms), incident)
