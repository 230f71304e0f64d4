"""The state of an incident as the readers of a message know it; stored in its row. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

import orjson

from firstcause.incidents.states import Severity

Kind = Literal["back", "burst", "worse", "resolved", "suspect", "analysis"]


@dataclass(frozen=True, slots=True)
class Announcement:
    """A reply that the thread gets, decided and not yet planned in its outbox.

    `name` is unique in the thread. `broadcast` shows it in the channel too. `facts` are what was
    true when it was decided, so that it says the same whenever it is sent.
    """

    name: str
    kind: Kind
    broadcast: bool
    facts: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Told:
    """The state of an incident as its thread knows it.

    Attributes:
        posted_ms: when the message was sent (wall clock); 0 if an earlier version did not store it.
        status, severity: the last announced ones; the severity falls silently after a time.
        severity_ms: since when that severity is the known one (wall clock).
        onset_ms: the onset (event time) that the readers know of.
        suspect, suspect_before: the last announced suspect, and the one before; empty for none.
        analysed_ms: the time of the last announced answer of the model; 0 for none.
        count: announcements so far; numbers their names.
        broadcast_ms: when the last broadcast was decided (wall clock); 0 for never.
        parts: the replies of a fixed name that were planned.
        routes: channels that have a message of their own, as their routes name them.
        reposts: how often the message had to be posted again.
        first_link, first_channel: the incident's first message, if this is another channel.
        moved: true when another channel's thread has the broadcasts from now on.
        pending: decided, and perhaps not planned yet.
    """

    posted_ms: int = 0
    status: str = "open"
    severity: Severity = "low"
    severity_ms: int = 0
    onset_ms: int = 0
    suspect: str = ""
    suspect_before: str = ""
    analysed_ms: int = 0
    count: int = 0
    broadcast_ms: int = 0
    parts: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    reposts: int = 0
    first_link: str = ""
    first_channel: str = ""
    moved: bool = False
    pending: Announcement | None = None


NOTHING_TOLD: Final = Told()


def to_text(told: Told) -> str:
    """The state as the row keeps it."""
    return orjson.dumps(asdict(told)).decode()


def from_text(text: str | None) -> Told | None:
    """The state of a row; None if it has none, or if a later version wrote it."""
    if not text:
        return None
    try:
        fields = orjson.loads(text)
        pending = fields.pop("pending", None)
        known = {name: fields[name] for name in Told.__dataclass_fields__ if name in fields}
        for name in ("parts", "routes"):
            known[name] = tuple(known.get(name) or ())
        return Told(**known, pending=Announcement(**pending) if pending else None)
    except (ValueError, TypeError, AttributeError):
        return None
