"""The data classes of an outbox row: the whole row, and its listing by state. Pure data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from log_analyzer.notify.channel import Posted
from log_analyzer.notify.messages.told import Told

# What a row is for: an incident's first message, one in another channel, a digest.
Kind = Literal["incident", "linked", "old_news", "flood"]
DIGESTS: Final[tuple[Kind, ...]] = ("old_news", "flood")


@dataclass(frozen=True, slots=True)
class Waiting:
    """A row in some state: its key, its kind, and the incident that it is about.

    A digest has no single incident. `happened_ms` is the event time of the newest error that
    was known when the message was made, None where that is not kept.
    """

    key: UUID
    kind: Kind
    incident_id: UUID | None
    not_before_ms: int
    happened_ms: int | None = None
    attempts: int = 0

    @property
    def newest_first(self) -> tuple[bool, int, int]:
        """Sorts rows so that what happens now comes before a backlog."""
        happened_ms = self.happened_ms
        return (happened_ms is not None, -(happened_ms or 0), -self.not_before_ms)


@dataclass(frozen=True, slots=True)
class MessageRow:
    """A message's row. `epoch` changes with every write and guards the next one.

    `incident_id` is the row's key; for a linked message `of_incident` is the incident. `target` is
    the channel that it must go to, where that is decided already; `told` is None before it is
    known what its readers were told. `digest_id` is the digest that tells of the incident, None
    while that has, or waits for, a message of its own.
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
        """Where the message was posted; None before that."""
        return Posted(self.channel, self.ts) if self.channel and self.ts else None
