"""Sends the outbox: the first notice at once, updates with restraint, each message once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final
from uuid import UUID

import structlog

from log_analyzer import metrics
from log_analyzer.incident_history.reader import IncidentReader
from log_analyzer.incidents.view import IncidentView
from log_analyzer.notify.channel import Channel, MaybeSentError, NotSentError, Posted
from log_analyzer.notify.outbox import MessageOutbox, MessageRow
from log_analyzer.notify.routing import CHANNEL_REFUSED, Router
from log_analyzer.notify.send_rules import (
    LEASE_MS,
    SETTLE_MS,
    UPDATE_MS,
    after_delivery,
    after_refusal,
    fate_of_unposted,
    update_due,
)
from log_analyzer.notify.slack.message import DEFAULT_OPTIONS, Notice, NoticeOptions, render_notice
from log_analyzer.notify.slack.thread_message import due_replies
from log_analyzer.notify.threads.outbox import ThreadOutbox
from log_analyzer.report.deterministic import current_analysis, with_originals

# An incident that changed elsewhere is seen after so long.
LOOK_MS: Final = 10_000
# A first notice that is due so soon has its channel kept free.
SOON_MS: Final = 2_000

_log = structlog.get_logger()


class Delivery:
    """One pass over the outbox at a time; several instances may run it at once.

    A post is made only by the instance that moved its row to "sending". A row found there
    after its lease was left by a crash, or by a request of unknown outcome: the channel's
    history decides whether it was posted. The replies that a thread needs are planned here and
    sent by `ThreadDelivery`.
    """

    def __init__(
        self,
        *,
        outbox: MessageOutbox,
        threads: ThreadOutbox,
        reader: IncidentReader,
        channel: Channel,
        router: Router,
        owner: str,
        model_configured: bool,
        show_redacted: bool = False,
        options: NoticeOptions = DEFAULT_OPTIONS,
        detail_after_ms: int = 60_000,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._outbox = outbox
        self._threads = threads
        self._reader = reader
        self._channel = channel
        self._router = router
        self._owner = owner
        self._model_configured = model_configured
        self._show_redacted = show_redacted
        self._options = options
        self._detail_after_ms = detail_after_ms
        self._clock_ms = clock_ms
        self._poked: set[UUID] = set()
        self._next_look_ms: dict[UUID, int] = {}

    def poke(self, incident: UUID) -> None:
        """Tells that an incident has changed, so that it is looked at in the next pass."""
        self._poked.add(incident)

    def run_once(self) -> None:
        """Sends what is due. Raises the driver's errors; nothing is lost by them."""
        unsent = [*self._outbox.in_state("pending"), *self._outbox.in_state("sending")]
        metrics.MESSAGES_PENDING.set(len(unsent))
        watched = [*self._outbox.in_state("live"), *self._outbox.in_state("silenced")]
        for incident in unsent:
            if self._next_look_ms.get(incident, 0) <= self._clock_ms():
                self._send(incident)
        for incident in watched:
            if self._worth_a_look(incident):
                self._send(incident)
        known = {*unsent, *watched}
        for gone in self._next_look_ms.keys() - known:
            del self._next_look_ms[gone]
        # One that comes to be known meanwhile has no time set, so the next pass looks at it.
        for incident in self._poked.copy():
            if incident not in known:
                self._poked.discard(incident)

    def _worth_a_look(self, incident: UUID) -> bool:
        """True for what changed here, and from time to time for what others may have changed."""
        now_ms = self._clock_ms()
        if incident not in self._poked and self._next_look_ms.get(incident, 0) > now_ms:
            return False
        self._poked.discard(incident)
        self._next_look_ms[incident] = now_ms + LOOK_MS
        return True

    def _send(self, incident: UUID) -> None:
        row = self._outbox.read(incident)
        if row is None:
            return
        due_in_ms = max(row.not_before_ms, row.lease_until_ms) - self._clock_ms()
        if due_in_ms > 0:
            if row.state == "pending" and due_in_ms < SOON_MS:
                # People wait for it; for pictures and updates they do not.
                self._channel.expect_post()
            return
        if row.state == "sending":
            self._reconcile(row)
            return
        # Before the incident: a reply that is known belongs to what is read after it.
        thread = row.posted if row.state == "live" else None
        known = self._threads.names(incident, thread) if thread else frozenset()
        view = self._reader.read(incident)
        if view is None:
            return
        if view.merged_into is not None and row.state == "pending":
            self._outbox.move(replace(row, state="settled"))
            return
        analysis = current_analysis(view, model_configured=self._model_configured)
        shown = with_originals(analysis, allowed=self._show_redacted)
        notice = render_notice(view, shown, self._options)
        if row.state in ("pending", "silenced"):
            self._post_unless_held(row, view, notice)
        elif thread is not None:
            self._plan_replies(thread, view, known)
            # The model is asked about live messages only, so a settled one would never hear it.
            answered = not self._model_configured or view.stored_analysis is not None
            done = view.merged_into is not None or (view.status == "resolved" and answered)
            self._update(row, thread, notice, final=done)

    def _post_unless_held(self, row: MessageRow, view: IncidentView, notice: Notice) -> None:
        fate = fate_of_unposted(view, self._clock_ms(), was_silenced=row.state == "silenced")
        if fate == "send":
            self._post(row, notice, self._router.channel_of(view, self._clock_ms()))
        elif fate == "drop":
            self._outbox.move(replace(row, state="settled"))
        elif row.state == "pending":
            _log.info("incident_silenced", incident_id=str(row.incident_id))
            self._outbox.move(replace(row, state="silenced"))

    def _post(self, row: MessageRow, notice: Notice, target: str) -> None:
        now_ms = self._clock_ms()
        wait_ms = self._channel.ready_in_ms(target, "post")
        if wait_ms:
            if wait_ms < SOON_MS:
                self._channel.expect_post()
            self._next_look_ms[row.incident_id] = now_ms + wait_ms
            return
        claimed = self._outbox.move(
            replace(
                row,
                state="sending",
                channel=target,
                lease_owner=self._owner,
                lease_until_ms=now_ms + LEASE_MS,
                sent_ms=now_ms,
            )
        )
        if claimed is None:
            return
        try:
            posted = self._channel.post(target, row.incident_id, notice)
        except NotSentError as error:
            if str(error) in CHANNEL_REFUSED:
                self._router.avoid(target, self._clock_ms())
            self._outbox.move(self._after_refusal(claimed, error, "post", state="pending"))
        except MaybeSentError as error:
            _count("post", "unknown")
            _log.warning(
                "slack_post_outcome_unknown", incident_id=str(row.incident_id), reason=str(error)
            )
            until = self._clock_ms() + SETTLE_MS
            self._outbox.move(replace(claimed, lease_until_ms=until, last_error=str(error)))
        else:
            _count("post", "ok")
            self._finish(claimed, posted, notice)

    def _reconcile(self, row: MessageRow) -> None:
        # A row of an earlier version names no channel: there was one only.
        target = row.channel or self._router.default
        until = self._clock_ms() + LEASE_MS
        claimed = self._outbox.move(replace(row, lease_owner=self._owner, lease_until_ms=until))
        if claimed is None:
            return
        posted: Posted | None = None
        try:
            if self._channel.holds(target):
                posted = self._channel.find(target, row.incident_id, row.sent_ms)
        except (NotSentError, MaybeSentError) as error:
            self._outbox.move(self._after_refusal(claimed, error, "history", state="sending"))
            return
        _log.info("slack_post_reconciled", incident_id=str(row.incident_id), found=bool(posted))
        _count("history", "found" if posted else "missing")
        if posted is None:
            self._outbox.move(replace(claimed, state="pending", channel=None, lease_until_ms=0))
        else:
            # What stands there may be old: the next pass updates it.
            self._finish(claimed, posted, None)

    def _finish(self, row: MessageRow, posted: Posted, notice: Notice | None) -> None:
        self._outbox.move(after_delivery(row, posted, notice, self._clock_ms()))

    def _plan_replies(self, thread: Posted, view: IncidentView, known: frozenset[str]) -> None:
        now_ms = self._clock_ms()
        silenced = (view.handling.silenced_until_ms or 0) > now_ms
        if silenced or not self._channel.holds(thread.channel):
            return
        age_ms = now_ms - thread.posted_ms
        for reply in due_replies(view, known, age_ms, self._detail_after_ms):
            self._threads.plan(view.incident_id, reply, thread, now_ms)

    def _update(self, row: MessageRow, posted: Posted, notice: Notice, *, final: bool) -> None:
        if not self._channel.holds(posted.channel):
            # A token was set since: what was previewed is sent now.
            self._outbox.move(replace(row, state="pending", channel=None, ts=None))
            return
        now_ms = self._clock_ms()
        if row.delivered_hash == notice.digest:
            if final:
                # Its epoch guards this: whoever moved the incident since has changed it.
                self._outbox.move(replace(row, state="settled"))
            return
        wait_ms = self._channel.ready_in_ms(posted.channel, "update")
        if wait_ms or not update_due(row, notice, now_ms):
            self._next_look_ms[row.incident_id] = now_ms + (wait_ms or UPDATE_MS)
            return
        claimed = self._outbox.move(
            replace(row, lease_owner=self._owner, lease_until_ms=now_ms + LEASE_MS)
        )
        if claimed is None:
            return
        try:
            self._channel.update(posted, row.incident_id, notice)
        except (NotSentError, MaybeSentError) as error:
            self._outbox.move(self._after_refusal(claimed, error, "update", state="live"))
        else:
            _count("update", "ok")
            self._finish(claimed, posted, notice)

    def _after_refusal(
        self, row: MessageRow, error: NotSentError | MaybeSentError, kind: str, *, state: str
    ) -> MessageRow:
        after = after_refusal(row, error, self._clock_ms(), state=state)
        limited = getattr(error, "retry_after_seconds", None)
        _count(kind, "rate_limited" if limited else "refused")
        _log.warning(
            "slack_refused",
            kind=kind,
            incident_id=str(row.incident_id),
            channel=row.channel,
            reason=str(error),
            again_in_seconds=(after.not_before_ms - self._clock_ms()) / 1_000,
        )
        return after


def _count(kind: str, outcome: str) -> None:
    metrics.SLACK_SENDS.labels(kind=kind, outcome=outcome).inc()
