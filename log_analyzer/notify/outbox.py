"""The outbox: one row a message, changed by lightweight transactions only.

The states are pending -> sending -> live -> settled. A row returns to pending only if certainly
nothing was posted, and to live if a settled incident changes again. A silenced message goes from
pending to silenced and back. A message of a digest goes from pending to digested, and back if it
needs a message of its own. Settled without a timestamp: never posted, and no post is needed.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from cassandra.cluster import Session

from firstcause.storage.cassandra import prepare_all, rows_of_each
from firstcause.storage.stored_time import datetime_from_ms, optional_ms
from log_analyzer.notify.message_row import DIGESTS, Kind, MessageRow, Waiting
from log_analyzer.notify.messages.told import Told, from_text, to_text

_CQL: Final = {
    "create": "INSERT INTO incident_messages (incident_id, state, epoch, not_before, happened_at, "
    "attempts, sends) VALUES (?, 'pending', ?, ?, ?, 0, 0) IF NOT EXISTS",
    "revive": "UPDATE incident_messages SET state = ?, epoch = ? WHERE incident_id = ? "
    "IF epoch = ?",
    "touch": "UPDATE incident_messages SET epoch = ? WHERE incident_id = ? IF epoch = ?",
    "create_other": "INSERT INTO incident_messages (incident_id, state, epoch, not_before, "
    "attempts, sends, kind, of_incident, target, told) VALUES (?, 'pending', ?, ?, 0, 0, ?, ?, ?, "
    "?) IF NOT EXISTS",
    "by_state": "SELECT incident_id, kind, of_incident, not_before, happened_at, attempts "
    "FROM incident_messages WHERE state = ?",
    "read": "SELECT * FROM incident_messages WHERE incident_id = ?",
    "move": "UPDATE incident_messages SET state = ?, epoch = ?, lease_owner = ?, lease_until = ?, "
    "not_before = ?, attempts = ?, last_error = ?, channel = ?, ts = ?, delivered_hash = ?, "
    "delivered_shape = ?, sent_at = ?, sends = ?, told = ?, digest_id = ? WHERE incident_id = ? "
    "IF epoch = ?",
}


class MessageOutbox:
    """Incident messages in Cassandra. Every method blocks and raises the driver's errors."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)

    def _execute(self, name: str, *values: object) -> Any:
        return self._session.execute(self._statements[name], values)

    def ensure(self, incident: UUID, not_before_ms: int = 0) -> None:
        """`ensure_all` for one incident, of which it is not known when it happened."""
        self.ensure_all({incident: None}, not_before_ms)

    def ensure_all(self, happened: Mapping[UUID, int | None], not_before_ms: int = 0) -> None:
        """The messages will be sent, or updated again if they were settled. Idempotent.

        A new message is not sent before `not_before_ms` (since the epoch); one that is known
        already goes by what was said first. A sender that is about to settle the message
        notices: its epoch has changed. Of many the newest are made first.

        Args:
            happened: by incident, the event time of its newest error; None where unknown.
            not_before_ms: the wall clock.
        """
        newest = sorted(
            happened, key=lambda one: (happened[one] is not None, -(happened[one] or 0))
        )
        firsts = [
            (
                one,
                uuid.uuid4(),
                datetime_from_ms(not_before_ms),
                None if (at_ms := happened[one]) is None else datetime_from_ms(at_ms),
            )
            for one in newest
        ]
        for first, created in zip(firsts, self._applied("create", firsts), strict=True):
            if not created:
                self._touch(first)

    def _touch(self, first: tuple[Any, ...]) -> None:
        """Has a message that is known looked at again, or makes it after all."""
        incident, applied = first[0], False
        while not applied:
            row = self.read(incident)
            if row is None:
                applied = self._execute("create", *first).was_applied
            elif row.state == "settled":
                state = "live" if row.ts else "pending"
                again = (state, uuid.uuid4(), incident, row.epoch)
                applied = self._execute("revive", *again).was_applied
            elif row.state == "live":
                touched = (uuid.uuid4(), incident, row.epoch)
                applied = self._execute("touch", *touched).was_applied
            else:
                return

    def _applied(self, name: str, values: Sequence[tuple[Any, ...]]) -> list[bool]:
        """Runs a transaction with each of these values, many at a time: which were applied."""
        return [
            bool(rows[0][0]) for rows in rows_of_each(self._session, self._statements[name], values)
        ]

    def create(
        self,
        key: UUID,
        kind: Kind,
        *,
        target: str,
        told: Told,
        not_before_ms: int,
        of_incident: UUID | None = None,
    ) -> None:
        """Another message than an incident's first will be sent, once; idempotent by its key."""
        known = (key, uuid.uuid4(), datetime_from_ms(not_before_ms), kind, of_incident, target)
        self._execute("create_other", *known, to_text(told))

    def revive(self, key: UUID) -> None:
        """A settled message that was posted is looked at again; nothing without such a row."""
        row = self.read(key)
        if row is not None and row.state == "settled" and row.ts:
            self._execute("revive", "live", uuid.uuid4(), key, row.epoch)

    def waiting(self, state: str) -> list[Waiting]:
        """All rows in this state, digests and linked messages too."""
        return [
            Waiting(
                row.incident_id,
                row.kind or "incident",
                None if row.kind in DIGESTS else row.of_incident or row.incident_id,
                optional_ms(row.not_before) or 0,
                optional_ms(row.happened_at),
                row.attempts or 0,
            )
            for row in self._execute("by_state", state)
        ]

    def in_state(self, state: str) -> list[UUID]:
        """The incidents that have a message in this state."""
        found = [one.incident_id for one in self.waiting(state) if one.incident_id is not None]
        return list(dict.fromkeys(found))

    def read(self, incident: UUID) -> MessageRow | None:
        """The current row, or None."""
        return self.read_all([incident])[0]

    def read_all(self, keys: Sequence[UUID]) -> list[MessageRow | None]:
        """The current rows, in the order of their keys; None for a missing one."""
        found = rows_of_each(self._session, self._statements["read"], [(key,) for key in keys])
        return [_message_row(rows[0]) if rows and rows[0].state else None for rows in found]

    def move(self, row: MessageRow) -> MessageRow | None:
        """`move_all` for one row."""
        return self.move_all([row])[0]

    def move_all(self, rows: Sequence[MessageRow]) -> list[MessageRow | None]:
        """Writes each row over the one with its `epoch`, many at a time.

        Returns the rows in their order with their new epochs, or None in the place of one that
        another has written since: read it again and decide anew. Those that were written stay so
        when one fails.
        """
        moved = [replace(row, epoch=uuid.uuid4()) for row in rows]
        values = [
            (*_written(new), row.incident_id, row.epoch)
            for row, new in zip(rows, moved, strict=True)
        ]
        applied = self._applied("move", values)
        return [new if was else None for new, was in zip(moved, applied, strict=True)]


def _written(row: MessageRow) -> tuple[Any, ...]:
    return (
        row.state,
        row.epoch,
        row.lease_owner,
        datetime_from_ms(row.lease_until_ms),
        datetime_from_ms(row.not_before_ms),
        row.attempts,
        row.last_error,
        row.channel,
        row.ts,
        row.delivered_hash,
        row.delivered_shape,
        datetime_from_ms(row.sent_ms),
        row.sends,
        to_text(row.told) if row.told else None,
        row.digest_id,
    )


def _message_row(row: Any) -> MessageRow:
    return MessageRow(
        incident_id=row.incident_id,
        state=row.state,
        epoch=row.epoch,
        lease_owner=row.lease_owner,
        lease_until_ms=optional_ms(row.lease_until) or 0,
        not_before_ms=optional_ms(row.not_before) or 0,
        attempts=row.attempts or 0,
        last_error=row.last_error,
        channel=row.channel,
        ts=row.ts,
        delivered_hash=row.delivered_hash,
        delivered_shape=row.delivered_shape,
        sent_ms=optional_ms(row.sent_at) or 0,
        sends=row.sends or 0,
        kind=row.kind or "incident",
        of_incident=row.of_incident,
        target=row.target,
        told=from_text(row.told),
        digest_id=row.digest_id,
    )
