"""Sends the outbox: the first notice at once, updates with restraint, each message once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final
from uuid import UUID

import structlog

from log_analyzer import metrics
from log_analyzer.channels import Channel, MaybeSentError, NotSentError, Posted
from log_analyzer.incident_reader import IncidentReader
from log_analyzer.incident_store import STORE_AWAY
from log_analyzer.notice import Notice, render_notice
from log_analyzer.outbox import MessageOutbox, MessageRow
from log_analyzer.report import current_analysis

LEASE_MS: Final = 20_000
# After an uncertain post: time for it to show up in the channel's history.
SETTLE_MS: Final = 5_000
UPDATE_MS: Final = 3_000
COUNT_UPDATE_MAX_MS: Final = 300_000
RETRY_MAX_MS: Final = 60_000
# An incident that changed elsewhere is seen after so long.
LOOK_MS: Final = 10_000
TICK_SECONDS: Final = 0.5

_log = structlog.get_logger()


def count_update_due(row: MessageRow, now_ms: int) -> bool:
    """Updates that bring only new counts come after 3, 6, 12 s ..., at most each 5 minutes."""
    wait = min(COUNT_UPDATE_MAX_MS, (UPDATE_MS << min(row.sends, 20)) // 2)
    return now_ms - row.sent_ms >= wait


class Delivery:
    """One pass over the outbox at a time; several instances may run it at once.

    A post is made only by the instance that moved its row to "sending". A row found there
    after its lease was left by a crash, or by a request of unknown outcome: the channel's
    history decides whether it was posted.
    """

    def __init__(
        self,
        *,
        outbox: MessageOutbox,
        reader: IncidentReader,
        channel: Channel,
        owner: str,
        model_configured: bool,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._outbox = outbox
        self._reader = reader
        self._channel = channel
        self._owner = owner
        self._model_configured = model_configured
        self._clock_ms = clock_ms
        self._poked: set[UUID] = set()
        self._next_look_ms: dict[UUID, int] = {}
        self._paused_until_ms = 0

    def poke(self, incident: UUID) -> None:
        """Tells that an incident has changed, so that it is looked at in the next pass."""
        self._poked.add(incident)

    def run_once(self) -> None:
        """Sends what is due. Raises the driver's errors; nothing is lost by them."""
        if self._clock_ms() < self._paused_until_ms:
            return
        pending = self._outbox.in_state("pending")
        sending = self._outbox.in_state("sending")
        metrics.MESSAGES_PENDING.set(len(pending) + len(sending))
        live = self._outbox.in_state("live")
        for incident in (*pending, *sending, *(one for one in live if self._worth_a_look(one))):
            self._send(incident)
        if len(self._next_look_ms) > len(live):
            gone = self._next_look_ms.keys() - set(live)
            for incident in gone:
                del self._next_look_ms[incident]

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
        now_ms = self._clock_ms()
        if row is None or max(row.not_before_ms, row.lease_until_ms) > now_ms:
            return
        if self._clock_ms() < self._paused_until_ms:
            return
        view = self._reader.read(incident)
        if view is None:
            return
        if view.merged_into is not None and row.state == "pending":
            self._outbox.move(replace(row, state="settled"))
            return
        analysis = current_analysis(view, model_configured=self._model_configured)
        notice = render_notice(view, analysis)
        if row.state == "pending":
            self._post(row, notice)
        elif row.state == "sending":
            self._reconcile(row)
        elif row.state == "live":
            # The model is asked about live messages only, so a settled one would never hear it.
            answered = not self._model_configured or view.stored_analysis is not None
            self._update(row, notice, final=view.status == "resolved" and answered)

    def _post(self, row: MessageRow, notice: Notice) -> None:
        now_ms = self._clock_ms()
        claimed = self._outbox.move(
            replace(
                row,
                state="sending",
                lease_owner=self._owner,
                lease_until_ms=now_ms + LEASE_MS,
                sent_ms=now_ms,
            )
        )
        if claimed is None:
            return
        try:
            posted = self._channel.post(row.incident_id, notice)
        except NotSentError as error:
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
        until = self._clock_ms() + LEASE_MS
        claimed = self._outbox.move(replace(row, lease_owner=self._owner, lease_until_ms=until))
        if claimed is None:
            return
        try:
            posted = self._channel.find(row.incident_id, row.sent_ms)
        except (NotSentError, MaybeSentError) as error:
            self._outbox.move(self._after_refusal(claimed, error, "history", state="sending"))
            return
        _log.info("slack_post_reconciled", incident_id=str(row.incident_id), found=bool(posted))
        _count("history", "found" if posted else "missing")
        if posted is None:
            self._outbox.move(replace(claimed, state="pending", lease_until_ms=0))
        else:
            # What stands there may be old: the next pass updates it.
            self._finish(claimed, posted, None)

    def _finish(self, row: MessageRow, posted: Posted, notice: Notice | None) -> None:
        self._outbox.move(
            replace(
                row,
                state="live",
                channel=posted.channel,
                ts=posted.ts,
                delivered_hash=notice.digest if notice else None,
                delivered_shape=notice.shape if notice else None,
                sent_ms=self._clock_ms(),
                sends=row.sends + 1,
                attempts=0,
                last_error=None,
                lease_until_ms=0,
                not_before_ms=0,
            )
        )

    def _update(self, row: MessageRow, notice: Notice, *, final: bool) -> None:
        if row.channel is None or row.ts is None:
            return
        if not self._channel.holds(row.channel):
            # A token was set since: what was previewed is sent now.
            self._outbox.move(replace(row, state="pending", channel=None, ts=None))
            return
        now_ms = self._clock_ms()
        if row.delivered_hash == notice.digest:
            if final:
                # Its epoch guards this: whoever moved the incident since has changed it.
                self._outbox.move(replace(row, state="settled"))
            return
        soon = row.delivered_shape != notice.shape and now_ms - row.sent_ms >= UPDATE_MS
        if not (soon or count_update_due(row, now_ms)):
            self._next_look_ms[row.incident_id] = now_ms + UPDATE_MS
            return
        claimed = self._outbox.move(
            replace(row, lease_owner=self._owner, lease_until_ms=now_ms + LEASE_MS)
        )
        if claimed is None:
            return
        try:
            self._channel.update(Posted(row.channel, row.ts), row.incident_id, notice)
        except (NotSentError, MaybeSentError) as error:
            self._outbox.move(self._after_refusal(claimed, error, "update", state="live"))
        else:
            _count("update", "ok")
            self._finish(claimed, Posted(row.channel, row.ts), notice)

    def _after_refusal(
        self, row: MessageRow, error: NotSentError | MaybeSentError, kind: str, *, state: str
    ) -> MessageRow:
        asked = getattr(error, "retry_after_seconds", None)
        backoff_ms = min(RETRY_MAX_MS, 1_000 * 2 ** min(row.attempts, 10))
        wait_ms = int(asked * 1_000) if asked else backoff_ms
        if asked:
            # The limit is the channel's, not the message's.
            self._paused_until_ms = self._clock_ms() + wait_ms
        _count(kind, "rate_limited" if asked else "refused")
        _log.warning(
            "slack_refused",
            kind=kind,
            incident_id=str(row.incident_id),
            reason=str(error),
            again_in_seconds=wait_ms / 1_000,
        )
        return replace(
            row,
            state=state,
            attempts=row.attempts + 1,
            last_error=str(error),
            not_before_ms=self._clock_ms() + wait_ms,
            lease_until_ms=0,
        )


def _count(kind: str, outcome: str) -> None:
    metrics.SLACK_SENDS.labels(kind=kind, outcome=outcome).inc()


def run_passes(name: str, run_once: Callable[[], None], stopping: threading.Event) -> None:
    """Calls `run_once` each `TICK_SECONDS` until `stopping`, whatever Cassandra does.

    A pass that fails is logged and done again with growing pauses, at most 10 s: what it had to
    do stands in Cassandra.
    """
    failures = 0
    while not stopping.is_set():
        try:
            run_once()
            failures = 0
        except STORE_AWAY as error:
            failures += 1
            _log.warning("store_away", worker=name, reason=f"{type(error).__name__}: {error}"[:300])
        except Exception:  # noqa: BLE001 - told, counted, and tried again in the next pass
            failures += 1
            metrics.WORKER_FAILURES.labels(worker=name).inc()
            _log.exception("worker_pass_failed", worker=name)
        stopping.wait(min(10.0, TICK_SECONDS * 2 ** min(failures, 5)))
