"""Reads and writes episodes, and the state of their incidents, in Cassandra.

All writes but the opening are plain upserts by identity: doing them again changes nothing.
Every method blocks, and raises the driver's own errors.
"""

from __future__ import annotations

import hashlib
import struct
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from cassandra.cluster import Session
from cassandra.query import UNSET_VALUE, BatchStatement

from firstcause.storage.cassandra import prepare_all
from firstcause.storage.stored_time import datetime_from_ms, optional_ms
from log_analyzer.episodes.consumed_error import ConsumedError
from log_analyzer.episodes.episode import Episode, episode_id
from log_analyzer.episodes.tally import Tally
from log_analyzer.incidents.stores.incident_rows import Bounds, IncidentRow
from log_analyzer.incidents.stores.writes import Write, write_all
from log_analyzer.redaction.redactor import cut_apart

# So many log ids make a row of 40 KB.
LOG_IDS_OF_A_ROW: Final = 2_000
_ENTRY: Final = struct.Struct(">16si")
EVIDENCE_MESSAGE_CHARS: Final = 2_000
OPENING_ATTEMPTS: Final = 20

_CQL: Final = {
    "revision": "SELECT revision FROM group_episodes WHERE fingerprint = ? LIMIT 1",
    "group_before": "SELECT opened_at, episode_id FROM group_episodes "
    "WHERE fingerprint = ? AND opened_at <= ? ORDER BY opened_at DESC LIMIT 2",
    "group_after": "SELECT opened_at, episode_id FROM group_episodes "
    "WHERE fingerprint = ? AND opened_at > ? ORDER BY opened_at ASC LIMIT 1",
    "open_first": "UPDATE group_episodes SET revision = 1 WHERE fingerprint = ? IF revision = null",
    "open_next": "UPDATE group_episodes SET revision = ? WHERE fingerprint = ? IF revision = ?",
    "open_row": "INSERT INTO group_episodes (fingerprint, opened_at, episode_id) VALUES (?, ?, ?)",
    "episode": "SELECT incident_id FROM episodes WHERE episode_id = ?",
    "tallies": "SELECT * FROM episode_tallies WHERE episode_id = ?",
    "spans": "SELECT first_seen, last_seen, last_arrival FROM episode_tallies WHERE episode_id = ?",
    "errors": "SELECT log_ids FROM episode_errors WHERE episode_id = ? AND kafka_partition = ?",
    "evidence": "SELECT timestamp, log_id FROM episode_evidence WHERE episode_id = ?",
    "incident": "SELECT fingerprint, status, merged_into FROM incidents WHERE incident_id = ?",
    "members": "SELECT episode_id FROM incident_episodes WHERE incident_id = ?",
    "open_incidents": "SELECT incident_id FROM incidents WHERE status = 'open'",
    "remembered": "SELECT kafka_partition, remembered FROM episode_tallies WHERE episode_id = ?",
    # The arrival that a status follows from is its timestamp: an earlier decision never overwrites.
    "set_open": "UPDATE incidents USING TIMESTAMP ? SET status = 'open' WHERE incident_id = ?",
    "resolve": "UPDATE incidents USING TIMESTAMP ? SET status = 'resolved', resolved_at = ? "
    "WHERE incident_id = ?",
    "write_tally": "INSERT INTO episode_tallies (episode_id, kafka_partition, remembered, "
    "overflow, high_offset, first_seen, last_seen, last_arrival, fatal, last_fatal, minutes, "
    "overflow_minutes) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    "write_errors": "INSERT INTO episode_errors (episode_id, kafka_partition, batch_id, log_ids) "
    "VALUES (?, ?, ?, ?)",
    "write_evidence": "INSERT INTO episode_evidence (episode_id, timestamp, log_id, "
    "service_name, level, message, error_code, trace_id, span_id, parent_span_id) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
}


def log_ids_of(blob: bytes) -> dict[bytes, int]:
    """The log ids of a row of `episode_errors`, 16 bytes each, and their minutes."""
    return dict(_ENTRY.iter_unpack(blob))


class EpisodeStore:
    """Episodes, and the state of their incidents, as the consumer loop needs them."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)

    def _rows(self, name: str, *values: object) -> list[Any]:
        return list(self._session.execute(self._statements[name], values))

    def near(self, fingerprint: UUID, moment_ms: int) -> list[tuple[int, UUID]]:
        """The group's episodes opened around a time: two before it and one after it."""
        rows = self._rows("group_before", fingerprint, datetime_from_ms(moment_ms))
        rows += self._rows("group_after", fingerprint, datetime_from_ms(moment_ms))
        return [(optional_ms(row.opened_at) or 0, row.episode_id) for row in rows]

    def revision(self, fingerprint: UUID) -> int | None:
        """How many episodes the group has had; None for none. Read it before `near`."""
        rows = self._rows("revision", fingerprint)
        return rows[0].revision if rows else None

    def open(self, first: ConsumedError, revision: int | None) -> UUID | None:
        """Opens an episode by `first`, unless the group has changed since `revision`.

        Returns its id, or None when another was faster: read the group again then.
        """
        opened = episode_id(first.fingerprint, first.event.log_id)
        batch = BatchStatement()
        if revision is None:
            batch.add(self._statements["open_first"], (first.fingerprint,))
        else:
            values = (revision + 1, first.fingerprint, revision)
            batch.add(self._statements["open_next"], values)
        at = datetime_from_ms(first.moment_ms)
        batch.add(self._statements["open_row"], (first.fingerprint, at, opened))
        return opened if self._session.execute(batch).was_applied else None

    def load(self, blank: Episode) -> Episode:
        """`blank`, filled with its stored incident, tallies and evidence.

        `incident_id` is the one it was last written with; that may have been merged since.
        """
        key = blank.episode_id
        for row in self._rows("episode", key):
            blank.incident_id = row.incident_id
        for row in self._rows("tallies", key):
            blank.tallies[row.kafka_partition] = Tally(
                stored_count=row.remembered or 0,
                overflow=row.overflow or 0,
                high_offset=-1 if row.high_offset is None else row.high_offset,
                first_ms=optional_ms(row.first_seen),
                last_ms=optional_ms(row.last_seen),
                last_arrival_ms=optional_ms(row.last_arrival) or 0,
                fatal=bool(row.fatal),
                last_fatal_ms=optional_ms(row.last_fatal),
                overflow_minutes=Counter(dict(row.overflow_minutes or {})),
            )
        kept = self._rows("evidence", key)
        blank.evidence = {str(one.log_id): optional_ms(one.timestamp) or 0 for one in kept}
        return blank

    def remembered(self, episode: UUID) -> dict[int, int]:
        """How many log ids each Kafka partition has brought to an episode, as last stored."""
        rows = self._rows("remembered", episode)
        return {row.kafka_partition: row.remembered or 0 for row in rows}

    def load_log_ids(self, episode: UUID, partition: int) -> dict[bytes, int]:
        """The log ids that an episode has counted from one Kafka partition, and their minutes."""
        found: dict[bytes, int] = {}
        for row in self._rows("errors", episode, partition):
            found.update(log_ids_of(row.log_ids))
        return found

    def error_statements(
        self, episode: UUID, partition: int, entries: Sequence[tuple[bytes, int]]
    ) -> list[Write]:
        """Remember log ids with their minutes as counted, thousands in a row."""
        writes: list[Write] = []
        for start in range(0, len(entries), LOG_IDS_OF_A_ROW):
            part = sorted(entries[start : start + LOG_IDS_OF_A_ROW])
            blob = b"".join(_ENTRY.pack(*entry) for entry in part)
            # Of the content, so that no row ever replaces another one's ids.
            batch_id = UUID(bytes=hashlib.sha256(blob).digest()[:16])
            writes.append((self._statements["write_errors"], (episode, partition, batch_id, blob)))
        return writes

    def evidence_statements(self, episode: UUID, errors: Iterable[ConsumedError]) -> list[Write]:
        """Keep errors as evidence, their messages and error codes cut to a bound."""
        return [
            (
                self._statements["write_evidence"],
                (
                    episode,
                    datetime_from_ms(error.event.timestamp_ms),
                    UUID(error.event.log_id),
                    error.service_name,
                    error.event.level,
                    cut_apart(error.event.message, EVIDENCE_MESSAGE_CHARS),
                    cut_apart(error.event.error_code or "", 200) or None,
                    error.event.trace_id,
                    error.event.span_id,
                    error.event.parent_span_id,
                ),
            )
            for error in errors
        ]

    def tally_statements(self, episode: Episode) -> list[Write]:
        """Write the tallies of an episode that this process owns."""
        return [
            (
                self._statements["write_tally"],
                (
                    episode.episode_id,
                    partition,
                    len(tally.seen),
                    tally.overflow,
                    tally.high_offset,
                    datetime_from_ms(
                        tally.first_ms if tally.first_ms is not None else episode.opened_ms
                    ),
                    datetime_from_ms(
                        tally.last_ms if tally.last_ms is not None else episode.opened_ms
                    ),
                    datetime_from_ms(tally.last_arrival_ms),
                    tally.fatal,
                    # None would be a tombstone.
                    UNSET_VALUE
                    if tally.last_fatal_ms is None
                    else datetime_from_ms(tally.last_fatal_ms),
                    dict(tally.minutes),
                    dict(tally.overflow_minutes),
                ),
            )
            for partition, tally in episode.tallies.items()
            if tally.loaded
        ]

    def open_statements(self, incident: UUID, arrival_ms: int) -> list[Write]:
        """Mark an incident as open because of what arrived then (wall clock)."""
        return [(self._statements["set_open"], (max(1, arrival_ms * 1_000), incident))]

    def write(self, writes: Sequence[Write]) -> None:
        """Does all of these writes, many at a time; returns when all are durable."""
        write_all(self._session, writes)

    def incident(self, incident: UUID) -> IncidentRow:
        """The row of an incident; all None when there is none."""
        rows = self._rows("incident", incident)
        if not rows:
            return IncidentRow(None, None, None)
        return IncidentRow(rows[0].fingerprint, rows[0].status, rows[0].merged_into)

    def open_incidents(self) -> list[UUID]:
        """The ids of all open incidents, whoever watches them."""
        return [row.incident_id for row in self._rows("open_incidents")]

    def bounds(self, incident: UUID) -> Bounds | None:
        """When the errors of an incident happened and arrived; None when none is stored."""
        rows = [
            row
            for member in self._rows("members", incident)
            for row in self._rows("spans", member.episode_id)
        ]
        if not rows:
            return None
        return Bounds(
            min(optional_ms(row.first_seen) or 0 for row in rows),
            max(optional_ms(row.last_seen) or 0 for row in rows),
            max(optional_ms(row.last_arrival) or 0 for row in rows),
        )

    def resolve(self, incident: UUID, now_ms: int, as_of_ms: int | None = None) -> None:
        """Marks an incident as resolved, unless an error that arrived after `as_of_ms` opened it.

        An error that still belongs to it opens it again. Without `as_of_ms` it is now (wall clock).
        """
        as_of_us = (now_ms if as_of_ms is None else as_of_ms) * 1_000 + 1
        self._rows("resolve", as_of_us, datetime_from_ms(now_ms), incident)
