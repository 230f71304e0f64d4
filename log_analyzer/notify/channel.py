"""The protocol of a notification channel, and the errors it raises."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol
from uuid import UUID

from log_analyzer.notify.messages.content import Note

# The channel of messages that were shown here instead of sent.
PREVIEW: Final = "preview"

# A "post" begins a thread; a "reply" belongs to one.
Request = Literal["post", "update", "reply", "upload"]

# Why a channel said no, where that decides what comes next: the message is not there any more, or
# can't be changed; the channel is closed, or not for us; who may ask is the matter, as a scope.
Refusal = Literal["message_gone", "channel_closed", "not_allowed", "other"]


class NotSentError(Exception):
    """Certainly nothing was posted.

    `retry_after_seconds` says when to try again; `refusal` that the other side understood and
    said no, so that the same again will hardly work.
    """

    def __init__(
        self,
        reason: str,
        retry_after_seconds: float | None = None,
        *,
        refusal: Refusal | None = None,
    ) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds
        self.refusal = refusal


class MaybeSentError(Exception):
    """The outcome is unknown: look into the history before posting again."""


@dataclass(frozen=True, slots=True)
class MessageKey:
    """Identifies a message: its incident or digest, and how often it was posted again."""

    about: UUID
    edition: int = 0


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply of a name; `broadcast` shows it in the channel as well as in the thread."""

    name: str
    note: Note
    broadcast: bool = False


@dataclass(frozen=True, slots=True)
class Posted:
    """Where a message was posted: the channel's own ids of the channel and of the message."""

    channel: str
    message_id: str


class Channel(Protocol):
    """A place for incident messages. Every method blocks, at most some seconds a request.

    Messages are plain data (`notify.messages.content`); how they look is the channel's business.
    The id that a message is sent for (an incident's, or a digest's) and the name of a reply have
    to be kept with it where readers do not see them, so that `find` and `has_reply` know it again.

    Raises `NotSentError` when nothing was done for sure, `MaybeSentError` when nobody knows.
    """

    def ready_in_ms(self, channel: str, request: Request) -> int:
        """How long the channel must not be asked for this yet; 0 for not at all."""

    def expect_post(self) -> None:
        """A first message is due within a second or two: other requests have to wait for it."""

    def post(self, channel: str, key: MessageKey, note: Note) -> Posted:
        """Posts a new message to a channel (name or id); the caller makes sure to do so once."""

    def update(self, posted: Posted, key: MessageKey, note: Note) -> None:
        """Replaces a message; repeating it is harmless."""

    def holds(self, channel: str) -> bool:
        """False for a message that was only previewed: it has to be posted still."""

    def find(self, channel: str, key: MessageKey, since_ms: int) -> Posted | None:
        """The message of this key among those posted since a time (ms since the epoch)."""

    def link(self, posted: Posted) -> str:
        """A URL that opens the message; empty if the channel has none."""

    def reply(self, thread: Posted, key: MessageKey, reply: Reply) -> Posted:
        """Posts a reply in the thread; the caller makes sure to do so once."""

    def upload(self, thread: Posted, key: MessageKey, png: bytes) -> Posted:
        """Shares a picture in the thread; the caller makes sure to do so once."""

    def remove(self, posted: Posted) -> None:
        """Deletes a message, a reply or a picture of ours that was posted twice."""

    def has_reply(self, thread: Posted, key: MessageKey, name: str) -> bool:
        """Whether the thread holds the reply of this name, or the picture."""
