"""The Slack channel: posts, updates and finds messages through Slack's Web API."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Final
from uuid import UUID

from slack_sdk import WebClient

from log_analyzer.notify.channel import (
    PREVIEW,
    MaybeSentError,
    MessageKey,
    NotSentError,
    Posted,
    Reply,
    Request,
)
from log_analyzer.notify.messages.content import Note
from log_analyzer.notify.messages.thread import PICTURE
from log_analyzer.notify.slack import block_builders
from log_analyzer.notify.slack.block_builders import Block
from log_analyzer.notify.slack.calls import call
from log_analyzer.notify.slack.channel_ids import ChannelIds
from log_analyzer.notify.slack.history import messages_of, metadata, payload, payload_of
from log_analyzer.notify.slack.layout import slack_blocks
from log_analyzer.notify.slack.pace import SlackPace
from log_analyzer.notify.slack.text import inert

PICTURE_TITLE: Final = "Errors over time, by service"
HTTP_TIMEOUT_SECONDS: Final = 8
HISTORY_PAGE: Final = 200
# A post is looked for since so long before it was made: our clock and Slack's may differ.
CLOCKS_DIFFER_SECONDS: Final = 900

# What Slack says of a message that it finds too long or odd; its headline alone is neither.
_TOO_MUCH: Final = frozenset(
    {"invalid_blocks", "msg_too_long", "msg_blocks_too_long", "invalid_blocks_format"}
)


class SlackChannel:
    """All channels of one Slack workspace through the official SDK; see `Channel`.

    The SDK's own retries are off: its default repeats a post whose connection broke, and so
    posts twice. Needs the scopes chat:write, files:write, channels:history (groups:history for
    private channels), and channels:read where a channel is given by its name.
    """

    def __init__(self, token: str, api_url: str, pace: SlackPace | None = None) -> None:
        self._pace = pace or SlackPace()
        self._client = WebClient(
            token=token, base_url=api_url, timeout=HTTP_TIMEOUT_SECONDS, retry_handlers=[]
        )
        self._ids = ChannelIds(self._client)

    def ready_in_ms(self, channel: str, request: Request) -> int:
        """By the pace of a message a second, and by Retry-After; see `Channel`."""
        return self._pace.ready_in_ms(self._ids.known(channel), request)

    def expect_post(self) -> None:
        """Keeps all channels free: nobody knows yet which it goes to; see `Channel`."""
        self._pace.expect_post()

    def post(self, channel: str, key: MessageKey, note: Note) -> Posted:
        """Posts; see `Channel`."""

        def post(blocks: list[Block]) -> Any:
            return self._client.chat_postMessage(
                channel=channel,
                text=_fallback(note),
                blocks=blocks,
                metadata=metadata(key),
                unfurl_links=False,
                unfurl_media=False,
            )

        response = self._shortened_if_need_be(channel, "post", post, note)
        posted = Posted(str(response["channel"]), str(response["ts"]))
        if self._ids.known(channel) != posted.channel:
            self._ids.learn(channel, posted.channel)
            self._pace.rename(channel, posted.channel)
        return posted

    def update(self, posted: Posted, key: MessageKey, note: Note) -> None:
        """Updates; see `Channel`."""

        def update(blocks: list[Block]) -> Any:
            return self._client.chat_update(
                channel=posted.channel,
                ts=posted.message_id,
                text=_fallback(note),
                blocks=blocks,
                metadata=metadata(key),
            )

        self._shortened_if_need_be(posted.channel, "update", update, note)

    def holds(self, channel: str) -> bool:
        """Any but the preview; see `Channel`."""
        return channel != PREVIEW

    def find(self, channel: str, key: MessageKey, since_ms: int) -> Posted | None:
        """Reads the channel's history back to some minutes before `since_ms`; see `Channel`."""
        channel_id = self._ids.resolve(channel)
        oldest = f"{since_ms / 1000 - CLOCKS_DIFFER_SECONDS:.6f}"

        def page(cursor: str | None) -> Any:
            return self._client.conversations_history(
                channel=channel_id,
                oldest=oldest,
                cursor=cursor,
                limit=HISTORY_PAGE,
                include_all_metadata=True,
            )

        wanted = payload_of(key)
        for message in messages_of(page, self._pace):
            if payload(message) == wanted:
                return Posted(channel_id, str(message["ts"]))
        return None

    def link(self, posted: Posted) -> str:
        """The message's permalink; empty when Slack gives none; see `Channel`."""
        try:
            answer = call(
                partial(
                    self._client.chat_getPermalink,
                    channel=posted.channel,
                    message_ts=posted.message_id,
                )
            )
        except (NotSentError, MaybeSentError):
            # It is worth a link, no more: the channel is named anyway.
            return ""
        address = str(answer.get("permalink") or "")
        return address if address.startswith("https://") else ""

    def reply(self, thread: Posted, key: MessageKey, reply: Reply) -> Posted:
        """Posts into the thread; see `Channel`."""

        def post(blocks: list[Block]) -> Any:
            return self._client.chat_postMessage(
                channel=thread.channel,
                thread_ts=thread.message_id,
                reply_broadcast=reply.broadcast,
                text=_fallback(reply.note),
                blocks=blocks,
                metadata=metadata(key, reply.name),
                unfurl_links=False,
                unfurl_media=False,
            )

        response = self._shortened_if_need_be(thread.channel, "reply", post, reply.note)
        return Posted(thread.channel, str(response["ts"]))

    def upload(self, thread: Posted, key: MessageKey, png: bytes) -> Posted:
        """Three requests, of which only the last makes it seen; see `Channel`."""
        response = self._paced(
            thread.channel,
            "upload",
            lambda: self._client.files_upload_v2(
                content=png,
                filename=_picture_name(key.about),
                title=PICTURE_TITLE,
                alt_txt=PICTURE_TITLE,
                channel=thread.channel,
                thread_ts=thread.message_id,
            ),
        )
        files = response.get("files") or [{}]
        return Posted(thread.channel, str(files[0].get("id") or ""))

    def remove(self, posted: Posted) -> None:
        """Deletes a message by its time stamp, an uploaded file by its id; see `Channel`."""
        if posted.message_id[:1].isdigit():
            call(partial(self._client.chat_delete, channel=posted.channel, ts=posted.message_id))
        else:
            call(partial(self._client.files_delete, file=posted.message_id))

    def has_reply(self, thread: Posted, key: MessageKey, name: str) -> bool:
        """By metadata, a picture by the name of its file; see `Channel`."""

        def page(cursor: str | None) -> Any:
            return self._client.conversations_replies(
                channel=thread.channel,
                ts=thread.message_id,
                cursor=cursor,
                limit=HISTORY_PAGE,
                include_all_metadata=True,
            )

        wanted = payload_of(key) | {"reply": name}
        for message in messages_of(page, self._pace):
            names = {one.get("name") for one in message.get("files") or ()}
            picture = name == PICTURE and _picture_name(key.about) in names
            if picture or payload(message) == wanted:
                return True
        return False

    def _paced(self, channel: str, request: Request, ask: Callable[[], Any]) -> Any:
        key = self._ids.known(channel)
        self._pace.take_turn(key)
        try:
            return call(ask)
        except NotSentError as error:
            if error.retry_after_seconds is not None:
                self._pace.hold(key, request, error.retry_after_seconds)
            raise

    def _shortened_if_need_be(
        self, channel: str, request: Request, send: Callable[[list[Block]], Any], note: Note
    ) -> Any:
        blocks = list(slack_blocks(note.parts))
        try:
            return self._paced(channel, request, partial(send, blocks))
        except NotSentError as error:
            if str(error) not in _TOO_MUCH:
                raise
        return self._paced(channel, request, partial(send, blocks[:1]))


def _fallback(note: Note) -> str:
    return inert(note.text, block_builders.FALLBACK_CHARS)


def _picture_name(incident: UUID) -> str:
    return f"firstcause-{incident}.png"
