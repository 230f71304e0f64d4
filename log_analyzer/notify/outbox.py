"""The outbox: one row a message, changed by lightweight transactions only.

pending -> sending -> live -> settled; back to pending only when it is sure that no post was
made, back to live when a settled incident moves again. What is silenced goes from pending to
silenced and back; one that a digest tells of from pending to digested, and back when it is news
of its own. Settled without a timestamp means that it was never posted, and need not be.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass, replace
from typing import Any, Final, Literal
from uuid import UUID

from cassandra.cluster import Session

from firstcause.storage.cassandra import prepare_all
from firstcause.storage.stored_time import datetime_from_ms, optional_ms
from log_analyzer.notify.channel import Posted
from log_analyzer.notify.messages.told import Told, from_text, to_text

_CQL: Final = {
    "create": "INSERT INTO incident_messages (incident_id, state, epoch, not_before, attempts, "
    "sends) VALUES (?, 'pending', ?, ?, 0, 0) IF NOT EXISTS",
    "revive": "UPDATE incident_messages SET state = ?, epoch = ? WHERE incident_id = ? "
    "IF epoch = ?",
    "touch": "UPDATE incident_messages SET epoch = ? WHERE incident_id = ? IF epoch = ?",
    "create_other": "INSERT INTO incident_messages (incident_id, state, epoch, not_before, "
    "attempts, sends, kind, of_incident, target, told) VALUES (?, 'pending', ?, ?, 0, 0, ?, ?, ?, "
    "?) IF NOT EXISTS",
    "by_state": "SELECT incident_id, kind, of_incident, not_before FROM incident_messages "
    "WHERE state = ?",
    "read": "SELECT * FROM incident_messages WHERE incident_id = ?",
    "move": "UPDATE incident_messages SET state = ?, epoch = ?, lease_owner = ?, lease_until = ?, "
    "not_before = ?, attempts = ?, last_error = ?, channel = ?, ts = ?, delivered_hash = ?, "
    "delivered_shape = ?, sent_at = ?, sends = ?, told = ?, digest_id = ? WHERE incident_id = ? "
    "IF epoch = ?",
}


# What a row is for: an incident's first message, one in another channel, a digest.
Kind = Literal["incident", "linked", "old_news", "flood"]
DIGESTS: Final[tuple[Kind, ...]] = ("old_news", "flood")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row in some state: its key, what it is for, and the incident that it tells of.

    A digest tells of no single incident. `not_before_ms` orders those that were never sent.
    """

    key: UUID
    kind: Kind
    incident_id: UUID | None
    not_before_ms: int


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message's row. `epoch` changes with every write and guards the next one.

    `incident_id` is the row's key; for a linked message `of_incident` is the incident. `target` is
    the channel that it must go to, where that is decided already; `told` is None before it is
    known what its readers were told.
    """

    incident_id: UUID
    state: str
    epoch: UUID
    lease_owner: str | None = None
    lease_until_ms: int = 0
    not_before_ms: int = 0
    attempts: int = 0
    last_error: str | None = None
    channel: str | None = None
    ts: str | None = None
    delivered_hash: str | None = None
    delivered_shape: str | None = None
    sent_ms: int = 0
    sends: int = 0
    kind: Kind = "incident"
    of_incident: UUID | None = None
    target: str | None = None
    told: Told | None = None
    digest_id: UUID | None = None

    @property
    def about(self) -> UUID:
        """The incident; of a digest its own id."""
        return self.of_incident or self.incident_id

    @property
    def posted(self) -> Posted | None:
        """Where the message stands; None as long as it stands nowhere."""
        return Posted(self.channel, self.ts) if self.channel and self.ts else None


class MessageOutbox:
    """Incident messages in Cassandra. Every method blocks and raises the driver's errors."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)

    def _execute(self, name: str, *values: object) -> Any:
        return self._session.execute(self._statements[name], values)

    def ensure(self, incident: UUID, not_before_ms: int = 0) -> None:
        """The message will be sent, or updated again if it was settled. Idempotent.

        A new message is not sent before `not_before_ms` (since the epoch); one that is known
        already goes by what was said first. A sender that is about to settle the message
        notices: its epoch has changed.
        """
        first = (incident, uuid.uuid4(), datetime_from_ms(not_before_ms))
        result = self._execute("create", *first)
        while not result.was_applied:
            row = self.read(incident)
            if row is None:
                result = self._execute("create", *first)
            elif row.state == "settled":
                state = "live" if row.ts else "pending"
                result = self._execute("revive", state, uuid.uuid4(), incident, row.epoch)
            elif row.state == "live":
                result = self._execute("touch", uuid.uuid4(), incident, row.epoch)
            else:
                return

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
            )
            for row in self._execute("by_state", state)
        ]

    def in_state(self, state: str) -> list[UUID]:
        """The incidents that have a message in this state."""
        found = [one.incident_id for one in self.waiting(state) if one.incident_id is not None]
        return list(dict.fromkeys(found))

    def read(self, incident: UUID) -> MessageRow | None:
        """The row as it stands, or None."""
        row = self._execute("read", incident).one()
        if row is None or row.state is None:
            return None
        return MessageRow(
            incident_id=incident,
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

    def move(self, row: MessageRow) -> MessageRow | None:
        """Writes `row` over the one with `row.epoch`; the row with its new epoch, or None.

        None means that another has written since: read again and decide anew.
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
            row.channel,
            row.ts,
            row.delivered_hash,
            row.delivered_shape,
            datetime_from_ms(row.sent_ms),
            row.sends,
            to_text(row.told) if row.told else None,
            row.digest_id,
            row.incident_id,
            row.epoch,
        ).was_applied
        if not applied:
            return None
        return replace(row, epoch=epoch)
