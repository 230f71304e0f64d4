"""Decides whether a first message is posted, held, dropped or put into a digest; posts it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from firstcause.incidents.view import Analysis, IncidentView
from log_analyzer.incident_history.reader import IncidentReader
from log_analyzer.notify.announcements.due import Situation, told_at_first
from log_analyzer.notify.digests.delivery import Digests
from log_analyzer.notify.messages.told import Told
from log_analyzer.notify.outbox import MessageOutbox, MessageRow
from log_analyzer.notify.posting import MessageSender
from log_analyzer.notify.rendering import Rendering
from log_analyzer.notify.routing import Router
from log_analyzer.notify.send_rules import fate_of_unposted

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Unposted:
    """A message that is to be posted now."""

    row: MessageRow
    view: IncidentView
    analysis: Analysis

    @property
    def is_news(self) -> bool:
        """False for a message in a further channel, and for one that is posted anew."""
        return self.row.kind == "incident" and not _is_anew(self.row)


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
        reader: IncidentReader,
        router: Router,
        rendering: Rendering,
        old_after_ms: int | None,
        clock_ms: Callable[[], int],
    ) -> None:
        self._outbox = outbox
        self._sender = sender
        self._digests = digests
        self._reader = reader
        self._router = router
        self._rendering = rendering
        self._old_after_ms = old_after_ms
        self._clock_ms = clock_ms

    def decide(self, row: MessageRow) -> Unposted | None:
        """Holds, drops or digests a message; returns one that is to be posted."""
        view = self._reader.read(row.about)
        if view is None:
            return None
        # What is told in a further channel, or anew, is known already.
        news = row.kind == "incident" and not _is_anew(row)
        fate = fate_of_unposted(
            view,
            self._clock_ms(),
            was_silenced=row.state == "silenced",
            old_after_ms=self._old_after_ms if news else None,
        )
        if fate == "send":
            return Unposted(row, view, self._rendering.analysis(view))
        if fate == "old":
            self._digests.take(row, view, "old_news")
        elif fate == "drop":
            self._outbox.move(replace(row, state="settled"))
        elif row.state == "pending":
            _log.info("incident_silenced", incident_id=str(row.about))
            self._outbox.move(replace(row, state="silenced"))
        return None

    def are_a_flood(self, unposted: list[Unposted]) -> bool:
        """True when these and those of the last minute are too many to be told one by one."""
        return self._digests.flooded([one.row.about for one in unposted if one.is_news])

    def tell(self, one: Unposted, *, flooded: bool) -> int:
        """Posts a message, or has a digest tell it; ms until another try, or 0."""
        if flooded and one.is_news:
            self._digests.take(one.row, one.view, "flood")
            return 0
        row, now_ms = one.row, self._clock_ms()
        target = row.target if row.kind == "linked" else None
        target = target or self._router.channel_of(one.view, now_ms)
        told = self._told_by_post(one, target, now_ms)
        notice = self._rendering.notice(one.view, one.analysis, told)
        if one.is_news:
            self._digests.note_sent(row)
        return self._sender.post(row, notice, target, told)

    def look_at_member(self, row: MessageRow) -> None:
        """One that a digest told of has a message of its own once that is news."""
        view = self._reader.read(row.about)
        if view is None:
            return
        fate = fate_of_unposted(
            view, self._clock_ms(), was_silenced=False, old_after_ms=self._old_after_ms
        )
        self._digests.look_at_member(row, view, is_old=fate == "old")

    @staticmethod
    def _told_by_post(one: Unposted, target: str, now_ms: int) -> Told:
        told = told_at_first(Situation(one.view, one.analysis, None, now_ms))
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
