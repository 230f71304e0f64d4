"""Decides when a message is sent and when it is retried; shared by both outboxes. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal

from log_analyzer.incidents.view import IncidentView
from log_analyzer.notify.channel import MaybeSentError, NotSentError, Posted
from log_analyzer.notify.outbox import MessageRow
from log_analyzer.notify.slack.message import Notice

LEASE_MS: Final = 20_000
# After an uncertain post: time for it to show up in the channel's history.
SETTLE_MS: Final = 5_000
UPDATE_MS: Final = 3_000
# So many updates with news go out without a growing pause.
PROMPT_UPDATES: Final = 4
NEWS_UPDATE_MAX_MS: Final = 60_000
COUNT_UPDATE_MAX_MS: Final = 300_000
RETRY_MAX_MS: Final = 60_000

Fate = Literal["send", "hold", "drop"]


def backoff_ms(attempts: int, error: NotSentError | MaybeSentError) -> int:
    """The pause before another attempt: what the other side asked for, else 1, 2, 4 ... 60 s."""
    asked = getattr(error, "retry_after_seconds", None)
    return int(asked * 1_000) if asked else min(RETRY_MAX_MS, 1_000 * 2 ** min(attempts, 10))


def fate_of_unposted(view: IncidentView, now_ms: int, *, was_silenced: bool) -> Fate:
    """What becomes of a message that nobody has seen yet.

    What was merged is never posted. A silence holds it; what has resolved by the end of the
    silence is never posted either.
    """
    if view.merged_into is not None:
        return "drop"
    if (view.handling.silenced_until_ms or 0) > now_ms:
        return "hold"
    return "drop" if was_silenced and view.status == "resolved" else "send"


def update_due(row: MessageRow, notice: Notice, now_ms: int) -> bool:
    """Whether a changed message is worth an update now.

    What people did shows at once. News (status, severity, suspects, an answer) come after 3 s,
    from the fifth update on after 6, 12 ... at most 60 s. Mere counts come after 3, 6, 12 s ...,
    at most each 5 minutes.
    """
    shape, _, handling = (row.delivered_shape or "").partition(".")
    waited_ms = now_ms - row.sent_ms
    if handling and handling != notice.handling:
        return True
    if shape != notice.shape:
        doublings = max(0, row.sends - PROMPT_UPDATES)
        return waited_ms >= min(NEWS_UPDATE_MAX_MS, UPDATE_MS << min(doublings, 20))
    return waited_ms >= min(COUNT_UPDATE_MAX_MS, (UPDATE_MS << min(row.sends, 20)) // 2)


def after_delivery(
    row: MessageRow, posted: Posted, notice: Notice | None, now_ms: int
) -> MessageRow:
    """The row of a message that stands in the channel; `notice` as far as it is known."""
    return replace(
        row,
        state="live",
        channel=posted.channel,
        ts=posted.ts,
        delivered_hash=notice.digest if notice else None,
        delivered_shape=f"{notice.shape}.{notice.handling}" if notice else None,
        sent_ms=now_ms,
        sends=row.sends + 1,
        attempts=0,
        last_error=None,
        lease_until_ms=0,
        not_before_ms=0,
    )


def after_refusal(
    row: MessageRow, error: NotSentError | MaybeSentError, now_ms: int, *, state: str
) -> MessageRow:
    """The row of a message that waits for another attempt."""
    return replace(
        row,
        state=state,
        attempts=row.attempts + 1,
        last_error=str(error),
        not_before_ms=now_ms + backoff_ms(row.attempts, error),
        lease_until_ms=0,
    )
