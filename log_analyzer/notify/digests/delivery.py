"""Puts old incidents and floods of new ones into digests, and sends these."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import replace
from typing import Final, cast
from uuid import UUID

import structlog

from firstcause.incidents.view import IncidentView
from log_analyzer import metrics
from log_analyzer.incidents.severity import is_worse
from log_analyzer.notify.digests.store import DigestStore
from log_analyzer.notify.messages.digest import (
    PAGE,
    PAGE_REPLY,
    DigestKind,
    member_of,
    page_facts,
    render_digest,
)
from log_analyzer.notify.messages.told import Told
from log_analyzer.notify.outbox import MessageOutbox, MessageRow
from log_analyzer.notify.posting import MessageSender
from log_analyzer.notify.routing import Router
from log_analyzer.notify.threads.outbox import ThreadOutbox

# More first messages than this within `FLOOD_MS` are told as one digest.
FLOOD: Final = 10
FLOOD_MS: Final = 60_000
# Time for those that come together to join before the digest is sent.
GATHER_MS: Final = 3_000
# A digest takes no more when nothing joined it for so long: the next is news again.
CLOSED_AFTER_MS: Final[dict[DigestKind, int]] = {"old_news": 3_600_000, "flood": 600_000}
# Instances' clocks differ, and who joins late must not move a page that stands.
PAGE_SETTLE_MS: Final = 10_000

_log = structlog.get_logger()


class Digests:
    """Puts incidents into digests and sends these. Methods block; raise the driver's errors."""

    def __init__(
        self,
        *,
        store: DigestStore,
        outbox: MessageOutbox,
        threads: ThreadOutbox,
        sender: MessageSender,
        router: Router,
        clock_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._outbox = outbox
        self._threads = threads
        self._sender = sender
        self._router = router
        self._clock_ms = clock_ms

    def flooded(self, due: Collection[UUID]) -> bool:
        """True when these first messages would be too many within a minute; a retry counts once."""
        if not due:
            return False
        sent = self._store.sent_within(FLOOD_MS, self._clock_ms())
        return len(sent | set(due)) > FLOOD

    def note_sent(self, row: MessageRow) -> None:
        """An incident is told on its own now."""
        self._store.note_sent(row.about, self._clock_ms())

    def take(self, row: MessageRow, view: IncidentView, kind: DigestKind) -> None:
        """Has an incident told by a digest instead of a message of its own, once.

        The row names the digest first, so that after a crash it joins the same one.
        """
        now_ms = self._clock_ms()
        over = view.status == "resolved"
        told = Told(posted_ms=now_ms, status=view.status, severity=view.worst or view.severity)
        claimed = row
        # Named by a digest before: that it is old news once more is none.
        named = row.digest_id is not None and (
            kind == "old_news" or row.digest_id == self._store.current(kind)
        )
        if not named:
            meant = self._open_digest(kind)
            moved = self._outbox.move(replace(row, digest_id=meant, told=told))
            if moved is None:
                return
            claimed = moved
        assert claimed.digest_id is not None  # noqa: S101 - set above
        if kind == "flood":
            # What follows within the minute is of the same flood.
            self._store.note_sent(row.about, now_ms)
        self._store.join(claimed.digest_id, member_of(view, now_ms))
        self._outbox.revive(claimed.digest_id)
        state = "settled" if over else "digested"
        if self._outbox.move(replace(claimed, state=state)) is not None:
            metrics.SLACK_SENDS.labels(kind="digest", outcome=kind).inc()
            _log.info("told_in_digest", incident_id=str(row.about), digest=str(claimed.digest_id))

    def look_at_member(self, row: MessageRow, view: IncidentView, *, is_old: bool) -> None:
        """One that a digest told of gets a message of its own when that is news."""
        if view.merged_into is not None or view.status == "resolved":
            self._outbox.move(replace(row, state="settled"))
            return
        known = row.told or Told()
        fresh = self._kind_of(row) == "old_news" and not is_old
        if fresh or is_worse(view.severity, known.severity):
            self._outbox.move(replace(row, state="pending", told=None))

    def send(self, row: MessageRow) -> int:
        """Posts or updates a digest, and its thread; ms until it wants another look, or 0."""
        now_ms = self._clock_ms()
        kind = cast(DigestKind, row.kind)
        members = self._store.members(row.incident_id)
        if not members:
            return GATHER_MS
        notice = render_digest(kind, members)
        if row.state == "pending":
            target = self._router.default
            return self._sender.post(
                row, notice, target, replace(row.told or Told(), posted_ms=now_ms)
            )
        posted = row.posted
        if posted is None:
            return 0
        closed = now_ms - members[-1].joined_ms >= CLOSED_AFTER_MS[kind]
        told = row.told or Told()
        shown = [one for one in members if closed or now_ms - one.joined_ms >= PAGE_SETTLE_MS]
        if len(members) > FLOOD:
            while len(shown) - told.count >= (1 if closed else PAGE):
                page = shown[told.count : told.count + PAGE]
                facts = page_facts(page, told.count)
                name = f"{PAGE_REPLY}{told.count + 1}"
                self._threads.plan(row.incident_id, name, posted, now_ms, facts=facts)
                told = replace(told, count=told.count + len(page))
        if told != row.told:
            moved = self._outbox.move(replace(row, told=told))
            if moved is None:
                return 0
            row = moved
        return self._sender.update(row, posted, notice, final=closed)

    def _open_digest(self, kind: DigestKind) -> UUID:
        now_ms = self._clock_ms()
        current = self._store.current(kind)
        if current is None or self._is_closed(current, kind, now_ms):
            current = self._store.begin(kind, current)
        self._outbox.create(
            current,
            kind,
            target=self._router.default,
            told=Told(),
            not_before_ms=now_ms + GATHER_MS,
        )
        return current

    def _is_closed(self, digest: UUID, kind: DigestKind, now_ms: int) -> bool:
        row = self._outbox.read(digest)
        if row is None or row.state in ("pending", "sending"):
            return False
        members = self._store.members(digest)
        newest = max((one.joined_ms for one in members), default=0)
        return row.state == "settled" or now_ms - newest >= CLOSED_AFTER_MS[kind]

    def _kind_of(self, row: MessageRow) -> str:
        digest = self._outbox.read(row.digest_id) if row.digest_id else None
        return digest.kind if digest else "flood"
