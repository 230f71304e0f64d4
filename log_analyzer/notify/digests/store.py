"""Stores digests and their incidents in Cassandra, and counts recent first messages.

Every method blocks and raises the driver's errors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final
from uuid import UUID

from cassandra.cluster import Session
from cassandra.query import BatchStatement

from firstcause.derived_ids import derived_id
from firstcause.storage.cassandra import prepare_all
from firstcause.storage.stored_time import datetime_from_ms, optional_ms
from log_analyzer.incidents.stores.writes import write_all
from log_analyzer.notify.messages.digest import DigestKind, Member

MINUTE_MS: Final = 60_000
# A transaction of so many members is 20 KB.
JOINED_AT_ONCE: Final = 50

_CQL: Final = {
    "current": "SELECT digest_id FROM current_digests WHERE kind = ?",
    "first": "INSERT INTO current_digests (kind, digest_id) VALUES (?, ?) IF NOT EXISTS",
    "next": "UPDATE current_digests SET digest_id = ? WHERE kind = ? IF digest_id = ?",
    "join": "INSERT INTO digest_incidents (digest_id, incident_id, joined_at, severity, status, "
    "title, error_count, first_seen, last_seen) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) IF NOT EXISTS",
    "members": "SELECT * FROM digest_incidents WHERE digest_id = ?",
    "note": "INSERT INTO sent_notices (minute, incident_id, sent_at) VALUES (?, ?, ?)",
    "noted": "SELECT incident_id, sent_at FROM sent_notices WHERE minute = ?",
}


class DigestStore:
    """Digests, and the first messages of the last minutes."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._statements = prepare_all(session, _CQL)

    def _execute(self, name: str, *values: object) -> Any:
        return self._session.execute(self._statements[name], values)

    def current(self, kind: DigestKind) -> UUID | None:
        """The newest digest of this kind; None before the first."""
        row = self._execute("current", kind).one()
        return row.digest_id if row else None

    def begin(self, kind: DigestKind, after: UUID | None) -> UUID:
        """Begins the digest that follows `after`; what another instance began, if it was faster.

        Its id follows from the one before, so that all instances begin the same.
        """
        following = derived_id("digest", kind, str(after))
        if after is None:
            self._execute("first", kind, following)
        else:
            self._execute("next", following, kind, after)
        return self.current(kind) or following

    def join(self, digest: UUID, members: Sequence[Member]) -> None:
        """Names incidents in a digest, many in a transaction; a second time changes nothing."""
        for start in range(0, len(members), JOINED_AT_ONCE):
            joining = [_joining(digest, one) for one in members[start : start + JOINED_AT_ONCE]]
            batch = BatchStatement()
            for values in joining:
                batch.add(self._statements["join"], values)
            if not self._session.execute(batch).was_applied:
                # One of them is named already, as after a crash: then each by itself.
                for values in joining:
                    self._execute("join", *values)

    def members(self, digest: UUID) -> list[Member]:
        """All that a digest names, in the order of joining."""
        found = [
            Member(
                row.incident_id,
                optional_ms(row.joined_at) or 0,
                row.severity or "low",
                row.status or "open",
                row.title or "",
                row.error_count or 0,
                optional_ms(row.first_seen) or 0,
                optional_ms(row.last_seen) or 0,
            )
            for row in self._execute("members", digest)
        ]
        return sorted(found, key=lambda one: (one.joined_ms, one.incident_id))

    def note_sent(self, incidents: Iterable[UUID], now_ms: int) -> None:
        """Notes that the first messages of these incidents are sent now."""
        minute, now = datetime_from_ms(now_ms - now_ms % MINUTE_MS), datetime_from_ms(now_ms)
        write_all(
            self._session, [(self._statements["note"], (minute, one, now)) for one in incidents]
        )

    def sent_within(self, span_ms: int, now_ms: int) -> set[UUID]:
        """The incidents whose first messages were sent within a time of at most some minutes."""
        found: set[UUID] = set()
        minute_ms = (now_ms - span_ms) // MINUTE_MS * MINUTE_MS
        while minute_ms <= now_ms:
            for row in self._execute("noted", datetime_from_ms(minute_ms)):
                if (optional_ms(row.sent_at) or 0) > now_ms - span_ms:
                    found.add(row.incident_id)
            minute_ms += MINUTE_MS
        return found


def _joining(digest: UUID, member: Member) -> tuple[object, ...]:
    return (
        digest,
        member.incident_id,
        datetime_from_ms(member.joined_ms),
        member.severity,
        member.status,
        member.title,
        member.error_count,
        datetime_from_ms(member.first_ms),
        datetime_from_ms(member.last_ms),
    )
