"""Decides when a message is sent and when it is retried; shared by both outboxes. Pure."""

from __future__ import annotations

from dataclasses import replace
from typing import Final, Literal

from firstcause.incidents.view import IncidentView
from log_analyzer.notify.channel import MaybeSentError, NotSentError, Posted
from log_analyzer.notify.message_row import MessageRow
from log_analyzer.notify.messages.incident import Notice

LEASE_MS: Final = 20_000
# After an uncertain post: time for it to show up in the channel's history.
SETTLE_MS: Final = 5_000
UPDATE_MS: Final = 3_000
# So many updates with news go out without a growing pause.
PROMPT_UPDATES: Final = 4
NEWS_UPDATE_MAX_MS: Final = 60_000
COUNT_UPDATE_MAX_MS: Final = 300_000
RETRY_MAX_MS: Final = 60_000

# A history that can't be read says nothing: after so many attempts the post is made anew.
HISTORY_ATTEMPTS: Final = 6
# A message that is deleted again and again is not wanted.
REPOSTS: Final = 2
# Errors still under way when somebody resolves an incident are no news.
BY_HAND_GRACE_MS: Final = 300_000
# So long the errors of one that was resolved by hand are watched.
BY_HAND_WATCHED_MS: Final = 1_200_000

Fate = Literal["send", "hold", "drop", "old"]


def backoff_ms(attempts: int, error: NotSentError | MaybeSentError) -> int:
    """The pause before another attempt: what the other side asked for, else 1, 2, 4 ... 60 s."""
    asked = getattr(error, "retry_after_seconds", None)
    return int(asked * 1_000) if asked else min(RETRY_MAX_MS, 1_000 * 2 ** min(attempts, 10))


def fate_of_unposted(
    view: IncidentView, now_ms: int, *, was_silenced: bool, old_after_ms: int | None
) -> Fate:
    """Whether a message that was not posted yet is sent, held, dropped, or put into a digest.

    A merged incident is never posted. A silence holds the message. An incident that is resolved by
    the end of the silence is not posted either. If its last error is older than `old_after_ms`
    (event time against the wall clock; None for never), it is old news and goes into a digest.
    """
    if view.merged_into is not None:
        return "drop"
    if (view.handling.silenced_until_ms or 0) > now_ms:
        return "hold"
    if was_silenced and view.status == "resolved":
        return "drop"
    old = old_after_ms is not None and now_ms - view.last_ms >= old_after_ms
    return "old" if old else "send"


def goes_on(view: IncidentView) -> bool:
    """True for an incident whose errors go on although somebody resolved it by hand."""
    at_ms = view.handling.resolved_ms
    if at_ms is None or view.status != "resolved" or view.resolved_ms != at_ms:
        return False
    return view.last_arrival_ms >= at_ms + BY_HAND_GRACE_MS


def is_final(view: IncidentView, now_ms: int, *, answered: bool) -> bool:
    """True if an incident needs no further update unless it reopens.

    Args:
        view: the incident.
        now_ms: the wall clock.
        answered: whether no model's answer is waited for.
    """
    if view.merged_into is not None:
        return True
    by_hand = (
        view.handling.resolved_ms is not None and view.resolved_ms == view.handling.resolved_ms
    )
    watched = by_hand and now_ms - (view.resolved_ms or 0) < BY_HAND_WATCHED_MS
    return view.status == "resolved" and answered and not watched


def shows_handling(row: MessageRow, notice: Notice) -> bool:
    """True if the posted message shows the last action of people."""
    return (row.delivered_shape or "").partition(".")[2] == notice.handling


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
    """The row of a posted message; `notice` is what it shows, None if unknown."""
    return replace(
        row,
        state="live",
        channel=posted.channel,
        ts=posted.message_id,
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
