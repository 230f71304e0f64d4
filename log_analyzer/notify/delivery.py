"""Delivers the outbox: posts first messages once, and sends updates at a limited rate."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final, TypeVar
from uuid import UUID

import structlog
from cassandra.cluster import NoHostAvailable

from firstcause.incidents.view import IncidentView
from log_analyzer import metrics
from log_analyzer.handling.human_actions_store import HumanActionsStore
from log_analyzer.incident_history.reader import IncidentReader
from log_analyzer.notify.announcements.announcer import Announcer
from log_analyzer.notify.channel import Channel, Posted
from log_analyzer.notify.digests.delivery import Digests
from log_analyzer.notify.first_messages import FirstMessages, Unposted
from log_analyzer.notify.messages.incident import DEFAULT_OPTIONS, NoticeOptions
from log_analyzer.notify.outbox import DIGESTS, MessageOutbox, MessageRow, Waiting
from log_analyzer.notify.posting import SOON_MS, MessageSender
from log_analyzer.notify.rendering import Rendering
from log_analyzer.notify.routing import Router
from log_analyzer.notify.send_rules import goes_on, is_final, shows_handling

# An incident that changed elsewhere is seen after so long.
LOOK_MS: Final = 10_000
# So many first notices are looked at in a pass, the newest first: no backlog holds them up.
FIRST_NOTICES_A_PASS: Final = 40
# An incident that can't be delivered waits so long, twice as long each time, and holds up no other.
FAILED_MS: Final = 2_000
FAILED_MAX_MS: Final = 300_000

T = TypeVar("T")

_log = structlog.get_logger()


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
            reader=reader,
            router=router,
            rendering=self._rendering,
            old_after_ms=old_after_ms,
            clock_ms=clock_ms,
        )
        self._clock_ms = clock_ms
        self._poked: set[UUID] = set()
        self._next_look_ms: dict[UUID, int] = {}
        self._failed: dict[UUID, int] = {}

    def poke(self, incident: UUID) -> None:
        """Tells that an incident has changed, so that it is looked at in the next pass."""
        self._poked.add(incident)

    def run_once(self) -> None:
        """Sends what is due. Raises only when Cassandra is away; nothing is lost by that."""
        unsent = [*self._outbox.waiting("pending"), *self._outbox.waiting("sending")]
        metrics.MESSAGES_PENDING.set(len(unsent))
        watched = [
            one for state in ("live", "silenced", "digested") for one in self._outbox.waiting(state)
        ]
        # The newest first: a backlog of old ones must not hold up what happens now.
        due = [one for one in unsent if self._next_look_ms.get(one.key, 0) <= self._clock_ms()]
        due.sort(key=lambda one: one.not_before_ms, reverse=True)
        looked = [self._attempt(one, self._look_at_unsent) for one in due[:FIRST_NOTICES_A_PASS]]
        self._tell([one for one in looked if one is not None])
        for one in watched:
            if self._worth_a_look(one):
                self._attempt(one, self._look_at_sent)
        self._forget({one.key for one in (*unsent, *watched)})
        known = {one.incident_id for one in (*unsent, *watched)}
        # One that comes to be known meanwhile has no time set, so the next pass looks at it.
        for incident in self._poked.copy():
            if incident not in known:
                self._poked.discard(incident)

    def _attempt(self, one: Waiting, look: Callable[[Waiting], T]) -> T | None:
        """A look at one message; one that fails waits, and holds up none behind it."""
        try:
            result = look(one)
        except NoHostAvailable:
            raise
        except Exception as error:  # noqa: BLE001 - told, counted, and tried again later
            times = self._failed.get(one.key, 0)
            wait_ms = min(FAILED_MAX_MS, FAILED_MS << min(times, 10))
            self._failed[one.key] = times + 1
            self._next_look_ms[one.key] = self._clock_ms() + wait_ms
            metrics.WORKER_FAILURES.labels(worker="delivery").inc()
            _log.warning(
                "message_failed",
                incident_id=str(one.incident_id or one.key),
                reason=f"{type(error).__name__}: {error}"[:300],
                again_in_seconds=wait_ms / 1_000,
                exc_info=times == 0,
            )
            return None
        self._failed.pop(one.key, None)
        return result

    def _forget(self, known: set[UUID]) -> None:
        for gone in self._next_look_ms.keys() - known:
            del self._next_look_ms[gone]
            self._announcer.forget(gone)
        for gone in self._failed.keys() - known:
            del self._failed[gone]

    def _worth_a_look(self, one: Waiting) -> bool:
        """True for what changed here, and from time to time for what others may have changed."""
        now_ms = self._clock_ms()
        poked = one.incident_id in self._poked
        if not poked and self._next_look_ms.get(one.key, 0) > now_ms:
            return False
        if one.incident_id is not None:
            self._poked.discard(one.incident_id)
        self._next_look_ms[one.key] = now_ms + LOOK_MS
        return True

    def _look_at_unsent(self, one: Waiting) -> Unposted | None:
        """Decides about a message that nobody has seen; returns it when it is to be posted."""
        row = self._due(one)
        if row is None:
            return None
        if row.state == "sending":
            self._sender.reconcile(row)
        elif row.kind in DIGESTS:
            self._wait(row, self._digests.send(row))
        elif row.state in ("pending", "silenced"):
            return self._first.decide(row)
        return None

    def _due(self, one: Waiting) -> MessageRow | None:
        row = self._outbox.read(one.key)
        if row is None:
            return None
        due_in_ms = max(row.not_before_ms, row.lease_until_ms) - self._clock_ms()
        if due_in_ms <= 0:
            return row
        if row.state == "pending" and due_in_ms < SOON_MS:
            # People wait for it; for pictures and updates they do not.
            self._channel.expect_post()
        return None

    def _tell(self, unposted: list[Unposted]) -> None:
        flooded = self._first.are_a_flood(unposted)
        for one in unposted:
            waiting = Waiting(one.row.incident_id, one.row.kind, one.row.about, 0)
            self._attempt(waiting, partial(self._tell_one, one, flooded))

    def _tell_one(self, one: Unposted, flooded: bool, _: Waiting) -> None:
        self._wait(one.row, self._first.tell(one, flooded=flooded))

    def _look_at_sent(self, one: Waiting) -> None:
        row = self._due(one)
        if row is None:
            return
        if row.kind in DIGESTS:
            if row.state == "live":
                self._wait(row, self._digests.send(row))
            return
        if row.state == "silenced":
            found = self._first.decide(row)
            if found is not None:
                self._tell([found])
        elif row.state == "digested":
            self._first.look_at_member(row)
        elif row.state == "live" and row.posted is not None:
            view = self._reader.read(row.about)
            if view is not None:
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
            self._poked.add(view.incident_id)
            return
        analysis = self._rendering.analysis(view)
        current = self._announcer.announce(row, posted, view, analysis, now_ms)
        if current is None:
            self._poked.add(view.incident_id)
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
            self._next_look_ms[row.incident_id] = self._clock_ms() + wait_ms
