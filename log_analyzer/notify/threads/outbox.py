"""The outbox of threads: one row a reply, changed by lightweight transactions only.

pending -> sending -> sent; back to pending only when it is sure that nothing was posted; failed
when it was given up.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

import orjson
from cassandra.cluster import Session

from firstcause.storage.cassandra import prepare_all
from firstcause.storage.stored_time import datetime_from_ms, optional_ms
from log_analyzer.notify.channel import Posted

_CQL: Final = {
    "plan": "INSERT INTO thread_replies (incident_id, channel, thread_ts, reply, state, epoch, "
    "attempts, planned_at, broadcast, facts) VALUES (?, ?, ?, ?, 'pending', ?, 0, ?, ?, ?) "
    "IF NOT EXISTS",
    "by_state": "SELECT * FROM thread_replies WHERE state = ?",
    "read": "SELECT * FROM thread_replies WHERE incident_id = ? AND channel = ? "
    "AND thread_ts = ? AND reply = ?",
    "move": "UPDATE thread_replies SET state = ?, epoch = ?, lease_owner = ?, lease_until = ?, "
    "not_before = ?, attempts = ?, last_error = ? WHERE incident_id = ? "
    "AND channel = ? AND thread_ts = ? AND reply = ? IF epoch = ?",
}


@dataclass(frozen=True, slots=True)
class ReplyRow:
    """A reply's row. `epoch` changes with every write and guards the next one."""

    incident_id: UUID
    reply: str
    state: str
    epoch: UUID
    thread: Posted
    planned_ms: int
    lease_owner: str | None = None
    lease_until_ms: int = 0
    not_before_ms: int = 0
    attempts: int = 0
    last_error: str | None = None
    broadcast: bool = False
    facts: Mapping[str, Any] = field(default_factory=dict)


class ThreadOutbox:
    """Replies in Cassandra. Every method blocks and raises the driver's errors."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)

    def _execute(self, name: str, *values: object) -> Any:
        return self._session.execute(self._statements[name], values)

    def plan(
        self,
        incident: UUID,
        reply: str,
        thread: Posted,
        now_ms: int,
        *,
        broadcast: bool = False,
        facts: Mapping[str, Any] | None = None,
    ) -> None:
        """The reply will be sent, once; planning it again changes nothing.

        Args:
            incident: whose thread it is.
            reply: its name, unique in the thread.
            thread: where the message stands.
            now_ms: the wall clock.
            broadcast: whether the channel shows it too.
            facts: what it tells, as of now; JSON must be able to hold it.
        """
        place = (incident, thread.channel, thread.message_id, reply)
        told = orjson.dumps(dict(facts)).decode() if facts else None
        self._execute("plan", *place, uuid.uuid4(), datetime_from_ms(now_ms), broadcast, told)

    def in_state(self, state: str) -> list[ReplyRow]:
        """The replies in this state, as they were planned: the oldest first."""
        rows = [_row(row) for row in self._execute("by_state", state)]
        return sorted(rows, key=lambda one: one.planned_ms)

    def read(self, row: ReplyRow) -> ReplyRow | None:
        """The current row; None if it is gone."""
        place = (row.incident_id, row.thread.channel, row.thread.message_id, row.reply)
        found = self._execute("read", *place).one()
        return _row(found) if found is not None and found.state is not None else None

    def move(self, row: ReplyRow) -> ReplyRow | None:
        """Writes `row` over the one with `row.epoch`; the row with its new epoch, or None.

        None means that another has written since.
        """
        epoch = uuid.uuid4()
        applied = self._execute(
            "move",
            row.state,
            epoch,
            row.lease_owner,
            datetime_from_ms(row.lease_until_ms),
            datetime_from_ms(row.not_before_ms),
            row.attempts,
            row.last_error,
            row.incident_id,
            row.thread.channel,
            row.thread.message_id,
            row.reply,
            row.epoch,
        ).was_applied
        return replace(row, epoch=epoch) if applied else None


def _row(row: Any) -> ReplyRow:
    return ReplyRow(
        incident_id=row.incident_id,
        reply=row.reply,
        state=row.state,
        epoch=row.epoch,
        thread=Posted(row.channel, row.thread_ts),
        planned_ms=optional_ms(row.planned_at) or 0,
        lease_owner=row.lease_owner,
        lease_until_ms=optional_ms(row.lease_until) or 0,
        not_before_ms=optional_ms(row.not_before) or 0,
        attempts=row.attempts or 0,
        last_error=row.last_error,
        broadcast=bool(row.broadcast),
        facts=orjson.loads(row.facts) if row.facts else {},
    )
