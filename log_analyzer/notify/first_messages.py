"""Decides whether a first message is posted, held, dropped or put into a digest; posts it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from firstcause.incidents.view import Analysis, IncidentView
from log_analyzer.notify.announcements.due import Situation, told_at_first
from log_analyzer.notify.digests.delivery import Digests
from log_analyzer.notify.message_row import MessageRow, Waiting
from log_analyzer.notify.messages.digest import DigestKind
from log_analyzer.notify.messages.told import Told
from log_analyzer.notify.outbox import MessageOutbox
from log_analyzer.notify.posting import MessageSender
from log_analyzer.notify.rendering import Rendering
from log_analyzer.notify.routing import Router
from log_analyzer.notify.send_rules import fate_of_unposted

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Unposted:
    """A message that is to be posted now, or told by a digest of a kind."""

    row: MessageRow
    view: IncidentView
    digest: DigestKind | None = None

    @property
    def is_news(self) -> bool:
        """False for a message in a further channel, and for one that is posted again."""
        return self.row.kind == "incident" and not _is_anew(self.row)

    @property
    def waiting(self) -> Waiting:
        """The row as the outbox lists it."""
        return Waiting(self.row.incident_id, self.row.kind, self.row.about, 0)


class FirstMessages:
    """Messages that were never posted: sent, held, or told by a digest.

    Methods block and raise the driver's errors.
    """

    def __init__(
        self,
        *,
        outbox: MessageOutbox,
        sender: MessageSender,
        digests: Digests,
        router: Router,
        rendering: Rendering,
        old_after_ms: int | None,
        clock_ms: Callable[[], int],
    ) -> None:
        self._outbox = outbox
        self._sender = sender
        self._digests = digests
        self._router = router
        self._rendering = rendering
        self._old_after_ms = old_after_ms
        self._clock_ms = clock_ms

    def decide(self, row: MessageRow, view: IncidentView) -> Unposted | None:
        """Holds or drops a message; returns one that is to be told, and how."""
        # What is told in a further channel, or anew, is known already.
        news = row.kind == "incident" and not _is_anew(row)
        fate = fate_of_unposted(
            view,
            self._clock_ms(),
            was_silenced=row.state == "silenced",
            old_after_ms=self._old_after_ms if news else None,
        )
        if fate in ("send", "old"):
            unposted = Unposted(row, view)
            if row.digest_id is not None and not self._digests.is_news(
                row, view, is_old=fate == "old"
            ):
                # A digest told of it, or was about to: errors that come again are no news.
                return replace(unposted, digest="old_news" if fate == "old" else "flood")
            if fate == "old":
                return replace(unposted, digest="old_news")
            if row.digest_id is not None:
                unposted = replace(unposted, row=replace(row, digest_id=None, told=None))
            return unposted
        if fate == "drop":
            self._outbox.move(replace(row, state="settled"))
        elif row.state == "pending":
            _log.info("incident_silenced", incident_id=str(row.about))
            self._outbox.move(replace(row, state="silenced"))
        return None

    def are_a_flood(self, unposted: list[Unposted]) -> bool:
        """True when these and those of the last minute are too many to be told one by one."""
        return self._digests.flooded([one.row.about for one in unposted if one.is_news])

    def digest(self, told: list[Unposted], kind: DigestKind) -> None:
        """Has a digest tell of incidents."""
        self._digests.take([(one.row, one.view) for one in told], kind)

    def tell(self, one: Unposted) -> int:
        """Posts a message; ms until another try, or 0."""
        row, now_ms = one.row, self._clock_ms()
        target = row.target if row.kind == "linked" else None
        target = target or self._router.channel_of(one.view, now_ms)
        analysis = self._rendering.analysis(one.view)
        told = self._told_by_post(one, analysis, target, now_ms)
        notice = self._rendering.notice(one.view, analysis, told)
        if one.is_news:
            self._digests.note_sent(row)
        return self._sender.post(row, notice, target, told)

    def look_at_member(self, row: MessageRow, view: IncidentView) -> bool:
        """True when one that a digest told of is to have a message of its own now."""
        fate = fate_of_unposted(
            view, self._clock_ms(), was_silenced=False, old_after_ms=self._old_after_ms
        )
        return self._digests.look_at_member(row, view, is_old=fate == "old")

    @staticmethod
    def _told_by_post(one: Unposted, analysis: Analysis, target: str, now_ms: int) -> Told:
        told = told_at_first(Situation(one.view, analysis, None, now_ms))
        before = one.row.told
        if before is None:
            return replace(told, routes=(target,))
        # What the place knows of other places, and of itself, outlives a new message.
        return replace(
            told,
            count=before.count,
            broadcast_ms=before.broadcast_ms,
            routes=before.routes or (target,),
            reposts=before.reposts,
            first_link=before.first_link,
            first_channel=before.first_channel,
            moved=before.moved,
        )


def _is_anew(row: MessageRow) -> bool:
    return row.told is not None and row.told.reposts > 0
