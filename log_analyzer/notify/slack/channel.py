"""Slack's Web API as a place for incident messages."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final
from uuid import UUID

from slack_sdk import WebClient

from log_analyzer.notify.channel import PREVIEW, MaybeSentError, NotSentError, Posted, Request
from log_analyzer.notify.slack.block_kit import Block
from log_analyzer.notify.slack.calls import call
from log_analyzer.notify.slack.message import Notice
from log_analyzer.notify.slack.pace import SlackPace
from log_analyzer.notify.slack.thread_message import PICTURE, ThreadNote

METADATA_EVENT: Final = "firstcause_incident"
PICTURE_TITLE: Final = "Errors over time, by service"
HTTP_TIMEOUT_SECONDS: Final = 8
HISTORY_PAGES: Final = 20
HISTORY_PAGE: Final = 200
CHANNEL_PAGES: Final = 50

# What Slack says of a message that it finds too long or odd; its headline alone is neither.
_TOO_MUCH: Final = frozenset(
    {"invalid_blocks", "msg_too_long", "msg_blocks_too_long", "invalid_blocks_format"}
)


class SlackChannel:
    """All channels of one Slack workspace through the official SDK; see `Channel`.

    The SDK's own retries are off: its default repeats a post whose connection broke, and so
    posts twice. Needs the scopes chat:write, files:write, channels:history, and channels:read
    where a channel is given by its name.
    """

    def __init__(self, token: str, api_url: str, pace: SlackPace | None = None) -> None:
        self._ids: dict[str, str] = {}
        self._pace = pace or SlackPace()
        self._client = WebClient(
            token=token, base_url=api_url, timeout=HTTP_TIMEOUT_SECONDS, retry_handlers=[]
        )

    def ready_in_ms(self, channel: str, request: Request) -> int:
        """By the pace of a message a second, and by Retry-After; see `Channel`."""
        return self._pace.ready_in_ms(self._ids.get(channel, channel), request)

    def expect_post(self) -> None:
        """Keeps all channels free: nobody knows yet which it goes to; see `Channel`."""
        self._pace.expect_post()

    def post(self, channel: str, incident: UUID, notice: Notice) -> Posted:
        """Posts; see `Channel`."""

        def post(blocks: list[Block]) -> Any:
            return self._client.chat_postMessage(
                channel=channel,
                text=notice.text,
                blocks=blocks,
                metadata=_metadata(incident),
                unfurl_links=False,
                unfurl_media=False,
            )

        response = self._shortened_if_need_be(channel, "post", post, notice.blocks)
        posted = Posted(str(response["channel"]), str(response["ts"]))
        if self._ids.get(channel, channel) != posted.channel:
            self._ids[channel] = posted.channel
            self._pace.rename(channel, posted.channel)
        return posted

    def update(self, posted: Posted, incident: UUID, notice: Notice) -> None:
        """Updates; see `Channel`."""

        def update(blocks: list[Block]) -> Any:
            return self._client.chat_update(
                channel=posted.channel,
                ts=posted.ts,
                text=notice.text,
                blocks=blocks,
                metadata=_metadata(incident),
            )

        self._shortened_if_need_be(posted.channel, "update", update, notice.blocks)

    def holds(self, channel: str) -> bool:
        """Any but the preview; see `Channel`."""
        return channel != PREVIEW

    def find(self, channel: str, incident: UUID, since_ms: int) -> Posted | None:
        """Reads the channel's history back to a minute before `since_ms`; see `Channel`."""
        channel_id = self._resolve(channel)
        oldest = f"{since_ms / 1000 - 60:.6f}"

        def page(cursor: str | None) -> Any:
            return self._client.conversations_history(
                channel=channel_id,
                oldest=oldest,
                cursor=cursor,
                limit=HISTORY_PAGE,
                include_all_metadata=True,
            )

        wanted = {"incident_id": str(incident)}
        for message in self._messages(page):
            if _payload(message) == wanted:
                return Posted(channel_id, str(message["ts"]))
        return None

    def reply(self, thread: Posted, incident: UUID, reply: str, note: ThreadNote) -> None:
        """Posts into the thread; see `Channel`."""

        def post(blocks: list[Block]) -> Any:
            return self._client.chat_postMessage(
                channel=thread.channel,
                thread_ts=thread.ts,
                text=note.text,
                blocks=blocks,
                metadata=_metadata(incident, reply),
                unfurl_links=False,
                unfurl_media=False,
            )

        self._shortened_if_need_be(thread.channel, "reply", post, note.blocks)

    def upload(self, thread: Posted, incident: UUID, png: bytes) -> None:
        """Three requests, of which only the last makes it seen; see `Channel`."""
        self._paced(
            thread.channel,
            "upload",
            lambda: self._client.files_upload_v2(
                content=png,
                filename=_picture_name(incident),
                title=PICTURE_TITLE,
                alt_txt=PICTURE_TITLE,
                channel=thread.channel,
                thread_ts=thread.ts,
            ),
        )

    def has_reply(self, thread: Posted, incident: UUID, reply: str) -> bool:
        """By metadata, a picture by the name of its file; see `Channel`."""

        def page(cursor: str | None) -> Any:
            return self._client.conversations_replies(
                channel=thread.channel,
                ts=thread.ts,
                cursor=cursor,
                limit=HISTORY_PAGE,
                include_all_metadata=True,
            )

        wanted = {"incident_id": str(incident), "reply": reply}
        for message in self._messages(page):
            names = {one.get("name") for one in message.get("files") or ()}
            picture = reply == PICTURE and _picture_name(incident) in names
            if picture or _payload(message) == wanted:
                return True
        return False

    def _paced(self, channel: str, request: Request, ask: Callable[[], Any]) -> Any:
        key = self._ids.get(channel, channel)
        self._pace.take_turn(key)
        try:
            return call(ask)
        except NotSentError as error:
            if error.retry_after_seconds is not None:
                self._pace.hold(key, request, error.retry_after_seconds)
            raise

    def _shortened_if_need_be(
        self,
        channel: str,
        request: Request,
        send: Callable[[list[Block]], Any],
        blocks: tuple[Block, ...],
    ) -> Any:
        try:
            return self._paced(channel, request, partial(send, list(blocks)))
        except NotSentError as error:
            if str(error) not in _TOO_MUCH:
                raise
        return self._paced(channel, request, partial(send, list(blocks[:1])))

    @staticmethod
    def _messages(read: Callable[[str | None], Any]) -> Iterator[dict[str, Any]]:
        cursor: str | None = None
        for _ in range(HISTORY_PAGES):
            page = call(partial(read, cursor))
            yield from page.get("messages") or ()
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return
        raise MaybeSentError("the channel's history is too long to look through")

    def _resolve(self, channel: str) -> str:
        """The channel's id, which the history is read by; names are looked up once."""
        if not channel.startswith("#"):
            return channel
        cursor: str | None = None
        for _ in range(CHANNEL_PAGES):
            if channel in self._ids:
                return self._ids[channel]
            page = self._list_channels(cursor)
            self._ids |= {f"#{one['name']}": str(one["id"]) for one in page["channels"]}
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                break
        if channel not in self._ids:
            raise NotSentError(f"channel_not_found: set SLACK_CHANNEL to the id of {channel}")
        return self._ids[channel]

    def _list_channels(self, cursor: str | None) -> Any:
        return call(partial(self._client.conversations_list, limit=1000, cursor=cursor))


def _payload(message: dict[str, Any]) -> dict[str, Any] | None:
    metadata = message.get("metadata") or {}
    if metadata.get("event_type") != METADATA_EVENT:
        return None
    return metadata.get("event_payload") or {}


def _metadata(incident: UUID, reply: str | None = None) -> dict[str, Any]:
    payload = {"incident_id": str(incident)} | ({"reply": reply} if reply else {})
    return {"event_type": METADATA_EVENT, "event_payload": payload}


def _picture_name(incident: UUID) -> str:
    return f"firstcause-{incident}.png"
