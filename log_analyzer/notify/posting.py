"""Posts and updates the message of one outbox row, each post once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final

import structlog

from log_analyzer import metrics
from log_analyzer.notify.channel import Channel, MaybeSentError, MessageKey, NotSentError, Posted
from log_analyzer.notify.message_row import MessageRow
from log_analyzer.notify.messages.incident import Notice
from log_analyzer.notify.messages.told import NOTHING_TOLD, Told
from log_analyzer.notify.outbox import MessageOutbox
from log_analyzer.notify.routing import Router
from log_analyzer.notify.send_rules import (
    HISTORY_ATTEMPTS,
    LEASE_MS,
    REPOSTS,
    SETTLE_MS,
    UPDATE_MS,
    after_delivery,
    after_refusal,
    update_due,
)

# A first notice that is due so soon has its channel kept free.
SOON_MS: Final = 2_000

_log = structlog.get_logger()


class MessageSender:
    """Messages of one process. Every method blocks; raises the driver's errors alone.

    A post is made only by the instance that moved its row to "sending". A row found there after its
    lease was left by a crash, or by a request of unknown outcome: the channel's history decides.
    """

    def __init__(
        self,
        *,
        outbox: MessageOutbox,
        channel: Channel,
        router: Router,
        owner: str,
        clock_ms: Callable[[], int],
    ) -> None:
        self._outbox = outbox
        self._channel = channel
        self._router = router
        self._owner = owner
        self._clock_ms = clock_ms

    def post(self, row: MessageRow, notice: Notice, target: str, told: Told) -> int:
        """Posts a message for the first time; returns 0, or the ms until the channel is ready.

        Args:
            row: pending, or silenced.
            notice: the message.
            target: the channel, by name or id.
            told: what its readers know by it.
        """
        now_ms = self._clock_ms()
        wait_ms = self._channel.ready_in_ms(target, "post")
        if wait_ms:
            if wait_ms < SOON_MS:
                self._channel.expect_post()
            return wait_ms
        claimed = self._outbox.move(
            replace(
                row,
                state="sending",
                channel=target,
                target=target,
                lease_owner=self._owner,
                lease_until_ms=now_ms + LEASE_MS,
                sent_ms=now_ms,
                told=told,
            )
        )
        if claimed is None:
            return 0
        try:
            posted = self._channel.post(target, key_of(claimed), notice.note)
        except NotSentError as error:
            self._after_refused_post(claimed, error, target)
        except MaybeSentError as error:
            _count("post", "unknown")
            _log.warning("post_outcome_unknown", incident_id=str(row.about), reason=str(error))
            until = self._clock_ms() + SETTLE_MS
            self._outbox.move(replace(claimed, lease_until_ms=until, last_error=str(error)))
        else:
            _count("post", "ok")
            if not self._finish(claimed, posted, notice):
                self._settle_late_post(claimed, posted, notice)
        return 0

    def _settle_late_post(self, row: MessageRow, posted: Posted, notice: Notice) -> None:
        """The post took longer than its lease: another has taken the row over. One post stays."""
        current = self._outbox.read(row.incident_id)
        if current is None or current.posted == posted:
            return
        if current.state == "pending" and self._finish(current, posted, notice):
            return
        _log.warning("post_was_late", incident_id=str(row.about))
        try:
            self._channel.remove(posted)
        except (NotSentError, MaybeSentError) as error:
            _log.error("post_may_stand_twice", incident_id=str(row.about), reason=str(error))

    def reconcile(self, row: MessageRow) -> None:
        """Finds out from the channel's history whether a row in "sending" was posted."""
        # A row of an earlier version names no channel: there was one only.
        target = row.channel or self._router.default
        until = self._clock_ms() + LEASE_MS
        claimed = self._outbox.move(replace(row, lease_owner=self._owner, lease_until_ms=until))
        if claimed is None:
            return
        posted: Posted | None = None
        try:
            if self._channel.holds(target):
                posted = self._channel.find(target, key_of(claimed), row.sent_ms)
        except NotSentError as error:
            if error.refusal is None or claimed.attempts + 1 < HISTORY_ATTEMPTS:
                self._outbox.move(self._after_refusal(claimed, error, "history", state="sending"))
                return
            # Rather told twice than never.
            _log.error("history_refused", incident_id=str(row.about), reason=str(error))
            if error.refusal == "channel_closed":
                self._router.avoid(target, self._clock_ms())
        except MaybeSentError as error:
            self._outbox.move(self._after_refusal(claimed, error, "history", state="sending"))
            return
        _log.info("post_reconciled", incident_id=str(row.about), found=bool(posted))
        _count("history", "found" if posted else "missing")
        if posted is None:
            self._outbox.move(
                replace(claimed, state="pending", channel=None, lease_until_ms=0, attempts=0)
            )
        else:
            # What stands there may be old: the next pass updates it.
            self._finish(claimed, posted, None)

    def update(self, row: MessageRow, posted: Posted, notice: Notice, *, final: bool) -> int:
        """Updates a live message if that is due; settles it when it is `final` and shown.

        Returns how long (ms) to wait before another look, 0 for no wish.
        """
        now_ms = self._clock_ms()
        if row.delivered_hash == notice.digest:
            if final:
                # Its epoch guards this: whoever moved the incident since has changed it.
                self._outbox.move(replace(row, state="settled"))
            return 0
        wait_ms = self._channel.ready_in_ms(posted.channel, "update")
        if wait_ms or not update_due(row, notice, now_ms):
            return wait_ms or UPDATE_MS
        claimed = self._outbox.move(
            replace(row, lease_owner=self._owner, lease_until_ms=now_ms + LEASE_MS)
        )
        if claimed is None:
            return 0
        try:
            self._channel.update(posted, key_of(claimed), notice.note)
        except NotSentError as error:
            if error.refusal in ("message_gone", "channel_closed"):
                self._post_anew(claimed, error, final=final)
            else:
                self._outbox.move(self._after_refusal(claimed, error, "update", state="live"))
        except MaybeSentError as error:
            self._outbox.move(self._after_refusal(claimed, error, "update", state="live"))
        else:
            _count("update", "ok")
            self._finish(claimed, posted, notice)
        return 0

    def _post_anew(self, row: MessageRow, error: NotSentError, *, final: bool) -> None:
        """A message that can't be changed any more: another in its place, a few times."""
        told = row.told or NOTHING_TOLD
        _count("update", "gone")
        if error.refusal == "channel_closed":
            self._router.avoid(row.target or row.channel or "", self._clock_ms())
        again = not final and told.reposts < REPOSTS
        _log.warning(
            "message_is_gone", incident_id=str(row.about), reason=str(error), posted_anew=again
        )
        if not again:
            self._outbox.move(replace(row, state="settled", last_error=str(error)))
            return
        told = replace(told, reposts=told.reposts + 1, parts=())
        fresh = replace(row, state="pending", channel=None, ts=None, told=told, lease_until_ms=0)
        self._outbox.move(replace(fresh, delivered_hash=None, last_error=str(error)))

    def _after_refused_post(self, row: MessageRow, error: NotSentError, target: str) -> None:
        if error.refusal == "channel_closed":
            self._router.avoid(target, self._clock_ms())
            if row.kind == "linked":
                # The first message exists anyway.
                _log.error("linked_channel_closed", incident_id=str(row.about), channel=target)
                self._outbox.move(replace(row, state="settled", last_error=str(error)))
                return
        self._outbox.move(self._after_refusal(row, error, "post", state="pending"))

    def _finish(self, row: MessageRow, posted: Posted, notice: Notice | None) -> bool:
        done = after_delivery(row, posted, notice, self._clock_ms())
        return self._outbox.move(done) is not None

    def _after_refusal(
        self, row: MessageRow, error: NotSentError | MaybeSentError, kind: str, *, state: str
    ) -> MessageRow:
        after = after_refusal(row, error, self._clock_ms(), state=state)
        limited = getattr(error, "retry_after_seconds", None)
        _count(kind, "rate_limited" if limited else "refused")
        _log.warning(
            "slack_refused",
            kind=kind,
            incident_id=str(row.about),
            channel=row.channel,
            reason=str(error),
            again_in_seconds=(after.not_before_ms - self._clock_ms()) / 1_000,
        )
        return after


def key_of(row: MessageRow) -> MessageKey:
    """What the row's message is known by in its channel."""
    return MessageKey(row.about, row.told.reposts if row.told else 0)


def _count(kind: str, outcome: str) -> None:
    metrics.SLACK_SENDS.labels(kind=kind, outcome=outcome).inc()
