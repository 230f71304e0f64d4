"""Keeps one of two replies, when a reply took longer than its lease and was posted twice."""

from __future__ import annotations

from dataclasses import replace

import structlog

from log_analyzer.notify.channel import Channel, MaybeSentError, MessageKey, NotSentError, Posted
from log_analyzer.notify.threads.outbox import ReplyRow, ThreadOutbox

_log = structlog.get_logger()


def settle_late_reply(
    threads: ThreadOutbox, channel: Channel, row: ReplyRow, posted: Posted
) -> None:
    """Another instance has taken the row over while this one was posting; blocks.

    Raises the driver's errors.

    Args:
        threads: the outbox.
        channel: where it was posted.
        row: as this instance had claimed it.
        posted: what it has posted.
    """
    current = threads.read(row)
    if current is None or current.state == "failed":
        return
    if current.state == "pending":
        sent = replace(current, state="sent", lease_until_ms=0, last_error=None)
        if threads.move(sent) is not None:
            return
    # The other sends it, or has: ours is taken back.
    _log.warning("thread_reply_was_late", incident_id=str(row.incident_id), reply=row.reply)
    key = MessageKey(row.incident_id)
    try:
        channel.remove(posted)
        current = threads.read(row)
        if current is None or current.state != "sent":
            return
        if not channel.has_reply(row.thread, key, row.reply):
            # It was ours that the other had found.
            threads.move(replace(current, state="pending", lease_until_ms=0))
    except (NotSentError, MaybeSentError) as error:
        _log.error(
            "thread_reply_may_stand_twice",
            incident_id=str(row.incident_id),
            reply=row.reply,
            reason=str(error),
        )
