"""Puts old incidents and floods of new ones into digests, and sends these."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final, cast
from uuid import UUID

import structlog

from firstcause.incidents.view import IncidentView
from log_analyzer import metrics
from log_analyzer.incidents.severity import is_worse
from log_analyzer.notify.digests.store import DigestStore
from log_analyzer.notify.message_row import MessageRow
from log_analyzer.notify.messages.digest import (
    PAGE,
    PAGE_REPLY,
    DigestKind,
    member_of,
    page_facts,
    render_digest,
)
from log_analyzer.notify.messages.told import Told
from log_analyzer.notify.outbox import MessageOutbox
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
        # The digest that something joined last here, and when.
        self._joined_ms: dict[UUID, int] = {}

    def flooded(self, due: Collection[UUID]) -> bool:
        """True when these first messages would be too many within a minute; a retry counts once."""
        if not due:
            return False
        sent = self._store.sent_within(FLOOD_MS, self._clock_ms())
        return len(sent | set(due)) > FLOOD

    def note_sent(self, row: MessageRow) -> None:
        """An incident is told on its own now."""
        self._store.note_sent([row.about], self._clock_ms())

    def take(self, told: Sequence[tuple[MessageRow, IncidentView]], kind: DigestKind) -> None:
        """Has incidents told by a digest instead of messages of their own, each once.

        A row names the digest first, so that after a crash it joins the same one. Besides a
        transaction a row before and after, the work is by digest, however many it names.
        """
        now_ms = self._clock_ms()
        views = {row.incident_id: view for row, view in told}
        claimed = [row for row, _ in told if row.digest_id is not None]
        fresh = [(row, view) for row, view in told if row.digest_id is None]
        if fresh:
            meant = self._open_digest(kind)
            claims = [
                replace(row, digest_id=meant, told=_told_by_digest(view, now_ms))
                for row, view in fresh
            ]
            if kind == "flood":
                # What follows within the minute is of the same flood.
                self._store.note_sent([row.about for row in claims], now_ms)
            claimed += [one for one in self._outbox.move_all(claims) if one is not None]
        for digest in dict.fromkeys(row.digest_id for row in claimed):
            assert digest is not None  # noqa: S101 - set above
            named = [row for row in claimed if row.digest_id == digest]
            self._store.join(digest, [member_of(views[row.incident_id], now_ms) for row in named])
            self._joined_ms = {digest: now_ms}
            self._outbox.revive(digest)
        self._end(claimed, views, kind)

    def is_news(self, row: MessageRow, view: IncidentView, *, is_old: bool) -> bool:
        """True when an incident that a digest told of is worth a message of its own.

        Args:
            row: of the incident.
            view: the incident as it stands.
            is_old: whether its last error is old news.
        """
        known = row.told or Told()
        is_back = known.status == "resolved" and view.status == "open"
        is_fresh = self._kind_of(row) == "old_news"
        return not is_old and (is_fresh or is_back or is_worse(view.severity, known.severity))

    def look_at_member(self, row: MessageRow, view: IncidentView, *, is_old: bool) -> bool:
        """True when one that a digest told of is to have a message of its own now: it is news."""
        if view.merged_into is not None or view.status == "resolved":
            self._outbox.move(replace(row, state="settled"))
            return False
        if not self.is_news(row, view, is_old=is_old):
            return False
        self._outbox.move(replace(row, state="pending", told=None, digest_id=None))
        return True

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

    def _end(
        self, claimed: Sequence[MessageRow], views: Mapping[UUID, IncidentView], kind: DigestKind
    ) -> None:
        over = {key for key, view in views.items() if view.status == "resolved"}
        ends = [
            replace(row, state="settled" if row.incident_id in over else "digested")
            for row in claimed
        ]
        for row in self._outbox.move_all(ends):
            if row is not None:
                metrics.SLACK_SENDS.labels(kind="digest", outcome=kind).inc()
                _log.info("told_in_digest", incident_id=str(row.about), digest=str(row.digest_id))

    def _is_closed(self, digest: UUID, kind: DigestKind, now_ms: int) -> bool:
        row = self._outbox.read(digest)
        if row is None or row.state in ("pending", "sending"):
            return False
        if row.state == "settled":
            return True
        # All members are read only when none has joined here of late.
        newest_ms = self._joined_ms.get(digest, 0)
        if now_ms - newest_ms >= CLOSED_AFTER_MS[kind]:
            members = self._store.members(digest)
            newest_ms = max((one.joined_ms for one in members), default=0)
        return now_ms - newest_ms >= CLOSED_AFTER_MS[kind]

    def _kind_of(self, row: MessageRow) -> str:
        digest = self._outbox.read(row.digest_id) if row.digest_id else None
        return digest.kind if digest else "flood"


def _told_by_digest(view: IncidentView, now_ms: int) -> Told:
    return Told(posted_ms=now_ms, status=view.status, severity=view.worst or view.severity)
