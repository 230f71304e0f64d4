"""Finds our messages in the history of a channel or a thread, by their metadata."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from log_analyzer.notify.channel import MessageKey, NotSentError
from log_analyzer.notify.slack.calls import call
from log_analyzer.notify.slack.pace import HISTORY, SlackPace

METADATA_EVENT: Final = "firstcause_incident"
HISTORY_PAGES: Final = 20


def messages_of(read: Callable[[str | None], Any], pace: SlackPace) -> Iterator[dict[str, Any]]:
    """The messages of all pages, at the pace that Slack allows.

    Raises:
        NotSentError: as `call`, or there are more than `HISTORY_PAGES`.
        MaybeSentError: as `call`.
    """
    cursor: str | None = None
    for _ in range(HISTORY_PAGES):
        pace.take_turn(HISTORY)
        page = call(partial(read, cursor))
        yield from page.get("messages") or ()
        cursor = (page.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            return
    raise NotSentError("the channel's history is too long to look through", refusal="other")


def payload(message: dict[str, Any]) -> dict[str, Any] | None:
    """Our metadata of a message; None for one that is not ours."""
    metadata = message.get("metadata") or {}
    if metadata.get("event_type") != METADATA_EVENT:
        return None
    return metadata.get("event_payload") or {}


def metadata(key: MessageKey, reply: str | None = None) -> dict[str, Any]:
    """What a message or a reply carries unseen."""
    payload = payload_of(key) | ({"reply": reply} if reply else {})
    return {"event_type": METADATA_EVENT, "event_payload": payload}


def payload_of(key: MessageKey) -> dict[str, str]:
    """What a message of this key is known again by."""
    edition = {"edition": str(key.edition)} if key.edition else {}
    return {"incident_id": str(key.about)} | edition
