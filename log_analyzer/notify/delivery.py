"""Delivers the outbox: posts first messages once, and sends updates at a limited rate."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Final
from uuid import UUID

from cassandra.cluster import NoHostAvailable

from firstcause.incidents.view import IncidentView
from log_analyzer import metrics
from log_analyzer.handling.human_actions_store import HumanActionsStore
from log_analyzer.incident_history.reader import IncidentReader
from log_analyzer.notify.announcements.announcer import Announcer
from log_analyzer.notify.channel import Channel, Posted
from log_analyzer.notify.digests.delivery import Digests
from log_analyzer.notify.first_messages import FirstMessages, Unposted
from log_analyzer.notify.looks import Looks
from log_analyzer.notify.message_row import DIGESTS, MessageRow, Waiting
from log_analyzer.notify.messages.digest import DigestKind
from log_analyzer.notify.messages.incident import DEFAULT_OPTIONS, NoticeOptions
from log_analyzer.notify.outbox import MessageOutbox
from log_analyzer.notify.overdue import Overdue
from log_analyzer.notify.posting import SOON_MS, MessageSender
from log_analyzer.notify.rendering import Rendering
from log_analyzer.notify.routing import Router
from log_analyzer.notify.send_rules import goes_on, is_final, shows_handling

# An incident that changed elsewhere is seen after so long; one that a digest told of later.
LOOK_MS: Final = 10_000
LOOK_AT_MEMBER_MS: Final = 60_000
UNREADABLE_MS: Final = 1_000
# So many first notices, and so many others, are looked at in a pass: no backlog holds up what is
# new in the next one.
FIRST_NOTICES_A_PASS: Final = 40
WATCHED_A_PASS: Final = 40


class Delivery:
    """One pass over the outbox at a time; several instances may run it at once.

    What of an incident is posted, updated, announced in its thread or told by a digest is decided
    here; `MessageSender`, `Announcer` and `Digests` do it. Replies are planned in the thread's
    outbox and sent by `ThreadDelivery`.
    """

    def __init__(
        self,
        *,
        outbox: MessageOutbox,
        sender: MessageSender,
        announcer: Announcer,
        digests: Digests,
        reader: IncidentReader,
        handling: HumanActionsStore,
        channel: Channel,
        router: Router,
        model_configured: bool,
        show_redacted: bool = False,
        options: NoticeOptions = DEFAULT_OPTIONS,
        old_after_ms: int | None = None,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._outbox = outbox
        self._sender = sender
        self._announcer = announcer
        self._digests = digests
        self._reader = reader
        self._handling = handling
        self._channel = channel
        self._rendering = Rendering(model_configured, show_redacted, options)
        self._first = FirstMessages(
            outbox=outbox,
            sender=sender,
            digests=digests,
            router=router,
            rendering=self._rendering,
            old_after_ms=old_after_ms,
            clock_ms=clock_ms,
        )
        self._clock_ms = clock_ms
        self._looks = Looks(clock_ms)
        self._overdue = Overdue(clock_ms)

    def poke(self, incident: UUID) -> None:
        """Tells that an incident has changed, so that it is looked at in the next pass."""
        self._looks.poke(incident)

    def run_once(self) -> None:
        """Sends what is due. Raises only if Cassandra is away; nothing is lost then.

        What is news goes first, then the backlog: digests, and what a crash left.
        """
        unsent = [*self._outbox.waiting("pending"), *self._outbox.waiting("sending")]
        metrics.MESSAGES_PENDING.set(len(unsent))
        metrics.MESSAGE_WAIT_SECONDS.set(self._overdue.oldest_seconds(unsent))
        members = set(self._outbox.waiting("digested"))
        watched = [*self._outbox.waiting("live"), *self._outbox.waiting("silenced"), *members]
        self._send_first(self._looks.due(unsent, FIRST_NOTICES_A_PASS, SOON_MS))
        again = self._looks.due_again(watched, WATCHED_A_PASS)
        for one in again:
            self._looks.begun(one, LOOK_AT_MEMBER_MS if one in members else LOOK_MS)
        self._look_at_sent(again)
        for gone in self._looks.forget_others((*unsent, *watched)):
            self._announcer.forget(gone)

    def _send_first(self, waiting: list[Waiting]) -> None:
        """Decides about messages that nobody has seen, all together, and sends them."""
        for one in waiting:
            self._looks.seen(one)
        due = self._due(waiting)
        single = {
            one: row
            for one, row in due.items()
            if row.state in ("pending", "silenced") and row.kind not in DIGESTS
        }
        views = self._reader.read_all({row.about for row in single.values()})
        found = [
            self._looks.attempt(one, partial(self._decide, row, views[row.about]))
            for one, row in single.items()
        ]
        self._tell([one for one in found if one is not None])
        for one, row in due.items():
            if row.state == "sending":
                self._looks.attempt(one, partial(self._sender.reconcile, row))
            elif row.kind in DIGESTS and row.state == "pending":
                self._looks.attempt(one, partial(self._send_digest, row))

    def _due(self, waiting: list[Waiting]) -> dict[Waiting, MessageRow]:
        rows = zip(waiting, self._outbox.read_all([one.key for one in waiting]), strict=True)
        return {one: row for one, row in rows if row is not None and self._is_due(row)}

    def _decide(self, row: MessageRow, found: Future[IncidentView | None]) -> Unposted | None:
        view = found.result()
        if view is None:
            # Its first errors are being stored: it does not take the turn of others meanwhile.
            self._looks.wait(row.incident_id, UNREADABLE_MS)
            return None
        return self._first.decide(row, view)

    def _is_due(self, row: MessageRow) -> bool:
        due_in_ms = max(row.not_before_ms, row.lease_until_ms) - self._clock_ms()
        if row.state == "pending" and 0 < due_in_ms < SOON_MS:
            # People wait for it; for pictures and updates they do not.
            self._channel.expect_post()
        return due_in_ms <= 0

    def _tell(self, unposted: list[Unposted]) -> None:
        own = [one for one in unposted if one.digest is None]
        flooded = self._first.are_a_flood(own)
        for one in own:
            if not (flooded and one.is_news):
                self._looks.attempt(one.waiting, partial(self._tell_one, one))
        if flooded:
            self._digest([one for one in own if one.is_news], "flood")
        self._digest([one for one in unposted if one.digest == "flood"], "flood")
        self._digest([one for one in unposted if one.digest == "old_news"], "old_news")

    def _tell_one(self, one: Unposted) -> None:
        self._wait(one.row, self._first.tell(one))

    def _digest(self, told: list[Unposted], kind: DigestKind) -> None:
        """Many join a digest at once; when that fails each by itself: one stops no other."""
        if not told:
            return
        try:
            self._first.digest(told, kind)
        except NoHostAvailable:
            raise
        except Exception:  # noqa: BLE001 - each is tried, and told of, by itself
            for one in told:
                self._looks.attempt(one.waiting, partial(self._first.digest, [one], kind))
        for one in told:
            self._looks.wait(one.row.incident_id, LOOK_AT_MEMBER_MS)

    def _send_digest(self, row: MessageRow) -> None:
        self._wait(row, self._digests.send(row))

    def _look_at_sent(self, waiting: list[Waiting]) -> None:
        due = self._due(waiting)
        single = {row.about for row in due.values() if row.kind not in DIGESTS}
        views = self._reader.read_all(single)
        for one, row in due.items():
            if row.kind not in DIGESTS:
                self._looks.attempt(one, partial(self._look_at_one, row, views[row.about]))
            elif row.state == "live":
                self._looks.attempt(one, partial(self._send_digest, row))

    def _look_at_one(self, row: MessageRow, found: Future[IncidentView | None]) -> None:
        view = found.result()
        if view is None:
            return
        if row.state == "silenced":
            unposted = self._first.decide(row, view)
            if unposted is not None:
                self._tell([unposted])
        elif row.state == "digested":
            if self._first.look_at_member(row, view):
                self._looks.wait(row.incident_id, 0)
        elif row.state == "live" and row.posted is not None:
            self._keep_current(row, row.posted, view)

    def _keep_current(self, row: MessageRow, posted: Posted, view: IncidentView) -> None:
        """Brings a message, and its thread, up to date with its incident."""
        now_ms = self._clock_ms()
        if not self._channel.holds(posted.channel):
            # A token was set since: what was previewed is sent now.
            self._outbox.move(replace(row, state="pending", channel=None, ts=None, told=None))
            return
        if goes_on(view):
            self._handling.reopen(view.incident_id)
            self._looks.poke(view.incident_id)
            return
        analysis = self._rendering.analysis(view)
        current = self._announcer.announce(row, posted, view, analysis, now_ms)
        if current is None:
            self._looks.poke(view.incident_id)
            return
        notice = self._rendering.notice(view, analysis, current.told)
        silenced = (view.handling.silenced_until_ms or 0) > now_ms
        if silenced and shows_handling(current, notice):
            return
        answered = self._rendering.is_answered(view)
        final = is_final(view, now_ms, answered=answered)
        self._wait(current, self._sender.update(current, posted, notice, final=final))

    def _wait(self, row: MessageRow, wait_ms: int) -> None:
        if wait_ms:
            self._looks.wait(row.incident_id, wait_ms)
