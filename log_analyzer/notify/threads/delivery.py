"""Sends the replies in threads, each once."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Final

import structlog
from cassandra.cluster import NoHostAvailable

from firstcause.incidents.view import IncidentView
from log_analyzer import metrics
from log_analyzer.incident_history.reader import IncidentReader
from log_analyzer.notify.channel import (
    Channel,
    MaybeSentError,
    MessageKey,
    NotSentError,
    Posted,
    Reply,
    Request,
)
from log_analyzer.notify.messages.content import Note
from log_analyzer.notify.messages.digest import PAGE_REPLY, render_page
from log_analyzer.notify.messages.incident_parts import split_buttons
from log_analyzer.notify.messages.thread import DETAIL, PICTURE, render_reply
from log_analyzer.notify.send_rules import LEASE_MS, backoff_ms
from log_analyzer.notify.threads.late_reply import settle_late_reply
from log_analyzer.notify.threads.outbox import ReplyRow, ThreadOutbox
from log_analyzer.report.deterministic import current_analysis

# Slack shares an uploaded file after its answer; the thread shows it some seconds later.
SETTLE_MS: Final = 15_000
UPLOAD_LEASE_MS: Final = 60_000
# A reply is of less worth than a message: given up when the channel has said no so often, when so
# many attempts ended nobody knows how, or too late.
REFUSALS: Final = 5
UNKNOWN_ENDS: Final = 5
TOO_LATE_MS: Final = 86_400_000

_log = structlog.get_logger()


class ThreadDelivery:
    """One pass over the replies at a time; several instances may run it at once.

    A reply found in "sending" after its lease was left by a crash, or by a request of unknown
    outcome: the thread decides whether it was posted. Text goes before pictures, and a pass
    uploads one at the most: what takes long holds up nothing that is read.
    """

    def __init__(
        self,
        *,
        threads: ThreadOutbox,
        reader: IncidentReader,
        channel: Channel,
        owner: str,
        model_configured: bool,
        buttons: bool = False,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._threads = threads
        self._reader = reader
        self._channel = channel
        self._owner = owner
        self._model_configured = model_configured
        self._buttons = buttons
        self._clock_ms = clock_ms

    def run_once(self) -> None:
        """Sends what is due. Raises the driver's errors; nothing is lost then."""
        rows = [*self._threads.in_state("pending"), *self._threads.in_state("sending")]
        rows.sort(key=lambda one: (one.reply == PICTURE, not one.broadcast, one.planned_ms))
        uploaded = False
        for row in rows:
            if max(row.not_before_ms, row.lease_until_ms) > self._clock_ms():
                continue
            if row.reply == PICTURE and row.state == "pending":
                if uploaded:
                    continue
                uploaded = True
            self._attempt(row)

    def _attempt(self, row: ReplyRow) -> None:
        try:
            if not self._channel.holds(row.thread.channel):
                # A token was set since: the message is posted anew, with a thread of its own.
                self._give_up(row, "the message was only previewed")
            elif row.state == "sending":
                self._reconcile(row)
            else:
                self._send(row)
        except NoHostAvailable:
            raise
        except Exception as error:  # noqa: BLE001 - told, counted, and tried again or given up
            metrics.WORKER_FAILURES.labels(worker="threads").inc()
            _log.warning(
                "thread_reply_failed_here", incident_id=str(row.incident_id), exc_info=True
            )
            self._after_failure(row, f"{type(error).__name__}: {error}"[:300])

    def _send(self, row: ReplyRow) -> None:
        request: Request = "upload" if row.reply == PICTURE else "reply"
        if self._channel.ready_in_ms(row.thread.channel, request):
            return
        view = None if _is_page(row) else self._reader.read(row.incident_id)
        if view is None and not _is_page(row):
            self._give_up(row, "the incident is gone")
            return
        # The lease is for the request alone.
        send = self._prepared(row, view)
        claimed = self._claim(row, "sending", UPLOAD_LEASE_MS)
        if claimed is None:
            return
        try:
            posted = send()
        except NotSentError as error:
            self._after_refusal(claimed, error, "pending")
        except MaybeSentError as error:
            _count(row.reply, "unknown")
            attempts = claimed.attempts + 1
            if attempts >= UNKNOWN_ENDS:
                self._give_up(claimed, f"nobody knows whether it was sent: {error}")
                return
            until = self._clock_ms() + SETTLE_MS
            unsure = replace(claimed, lease_until_ms=until, attempts=attempts)
            self._threads.move(replace(unsure, last_error=str(error)))
        else:
            _count(row.reply, "ok")
            if self._threads.move(replace(claimed, state="sent", last_error=None)) is None:
                settle_late_reply(self._threads, self._channel, claimed, posted)

    def _prepared(self, row: ReplyRow, view: IncidentView | None) -> Callable[[], Posted]:
        """The request, all that is laborious about it done."""
        key = MessageKey(row.incident_id)
        if view is not None and row.reply == PICTURE:
            # Not needed at the start: the imaging library is imported with the first picture.
            from log_analyzer.notify.picture import draw_picture

            return partial(self._channel.upload, row.thread, key, draw_picture(view))
        reply = Reply(row.reply, self._note(row, view), row.broadcast)
        return partial(self._channel.reply, row.thread, key, reply)

    def _note(self, row: ReplyRow, view: IncidentView | None) -> Note:
        if view is None:
            return render_page(row.facts)
        analysis = current_analysis(view, model_configured=self._model_configured)
        note = render_reply(row.reply, view, analysis, row.facts)
        if row.reply == DETAIL and self._buttons:
            return replace(note, parts=(*note.parts, *split_buttons(view)))
        return note

    def _reconcile(self, row: ReplyRow) -> None:
        claimed = self._claim(row, "sending", LEASE_MS)
        if claimed is None:
            return
        try:
            key = MessageKey(row.incident_id)
            found = self._channel.has_reply(row.thread, key, row.reply)
        except (NotSentError, MaybeSentError) as error:
            self._after_refusal(claimed, error, "sending")
            return
        _log.info(
            "thread_reply_reconciled",
            incident_id=str(row.incident_id),
            reply=row.reply,
            found=found,
        )
        _count(row.reply, "found" if found else "missing")
        state = "sent" if found else "pending"
        self._threads.move(replace(claimed, state=state, lease_until_ms=0))

    def _claim(self, row: ReplyRow, state: str, lease_ms: int) -> ReplyRow | None:
        until = self._clock_ms() + lease_ms
        return self._threads.move(
            replace(row, state=state, lease_owner=self._owner, lease_until_ms=until)
        )

    def _after_refusal(
        self, row: ReplyRow, error: NotSentError | MaybeSentError, state: str
    ) -> None:
        now_ms = self._clock_ms()
        refusal = error.refusal if isinstance(error, NotSentError) else None
        late = now_ms - row.planned_ms >= TOO_LATE_MS
        gone = refusal == "message_gone"
        if late or gone or (refusal is not None and row.attempts + 1 >= REFUSALS):
            self._give_up(row, str(error))
            return
        wait_ms = backoff_ms(row.attempts, error)
        _count(row.reply, "refused")
        _log.warning(
            "thread_reply_refused",
            incident_id=str(row.incident_id),
            reply=row.reply,
            reason=str(error),
            again_in_seconds=wait_ms / 1_000,
        )
        self._put_off(row, state, str(error), now_ms + wait_ms)

    def _after_failure(self, row: ReplyRow, reason: str) -> None:
        """Something of ours broke: it is tried again with pauses, and given up in the end."""
        if row.attempts + 1 >= REFUSALS:
            self._give_up(row, reason)
            return
        wait_ms = min(60_000, 1_000 << row.attempts)
        self._put_off(row, row.state, reason, self._clock_ms() + wait_ms)

    def _put_off(self, row: ReplyRow, state: str, reason: str, until_ms: int) -> None:
        self._threads.move(
            replace(
                row,
                state=state,
                attempts=row.attempts + 1,
                last_error=reason,
                not_before_ms=until_ms,
                lease_until_ms=0,
            )
        )

    def _give_up(self, row: ReplyRow, reason: str) -> None:
        _count(row.reply, "failed")
        _log.error(
            "thread_reply_failed",
            incident_id=str(row.incident_id),
            reply=row.reply,
            reason=reason,
        )
        self._threads.move(replace(row, state="failed", last_error=reason, lease_until_ms=0))


def _is_page(row: ReplyRow) -> bool:
    return row.reply.startswith(PAGE_REPLY)


def _count(reply: str, outcome: str) -> None:
    kind = "picture" if reply == PICTURE else "reply"
    metrics.SLACK_SENDS.labels(kind=kind, outcome=outcome).inc()
