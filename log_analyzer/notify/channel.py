"""A place for incident messages: what delivery needs of it, and how it may fail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal, Protocol
from uuid import UUID

from log_analyzer.notify.slack.message import Notice
from log_analyzer.notify.slack.thread_message import ThreadNote

# The channel of messages that were shown here instead of sent.
PREVIEW: Final = "preview"

# A "post" begins a thread; a "reply" belongs to one.
Request = Literal["post", "update", "reply", "upload"]


class NotSentError(Exception):
    """It is sure that nothing was posted.

    `retry_after_seconds` says when to try again; `refused` that the other side understood and
    said no, so that the same again will hardly work.
    """

    def __init__(
        self, reason: str, retry_after_seconds: float | None = None, *, refused: bool = False
    ) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds
        self.refused = refused


class MaybeSentError(Exception):
    """The post may or may not have been made: look into the history before another."""


@dataclass(frozen=True, slots=True)
class Posted:
    """Where a message stands: the channel's id and the message's timestamp in it."""

    channel: str
    ts: str

    @property
    def posted_ms(self) -> int:
        """When it was posted, ms since the epoch: a timestamp of Slack begins with it."""
        return int(float(self.ts) * 1_000)


class Channel(Protocol):
    """A place for incident messages. Every method blocks, at most some seconds a request.

    Raises `NotSentError` when nothing was done for sure, `MaybeSentError` when nobody knows.
    """

    def ready_in_ms(self, channel: str, request: Request) -> int:
        """How long the channel must not be asked for this yet; 0 for not at all."""

    def expect_post(self) -> None:
        """A first notice is due within a second or two: what is no post has to wait for it."""

    def post(self, channel: str, incident: UUID, notice: Notice) -> Posted:
        """Posts a new message to a channel (name or id); the caller makes sure to do so once."""

    def update(self, posted: Posted, incident: UUID, notice: Notice) -> None:
        """Replaces a message; repeating it is harmless."""

    def holds(self, channel: str) -> bool:
        """False for a message that was only previewed: it has to be posted still."""

    def find(self, channel: str, incident: UUID, since_ms: int) -> Posted | None:
        """The incident's message among those posted since a time, by its metadata."""

    def reply(self, thread: Posted, incident: UUID, reply: str, note: ThreadNote) -> None:
        """Posts a reply named `reply` in the thread; the caller makes sure to do so once."""

    def upload(self, thread: Posted, incident: UUID, png: bytes) -> None:
        """Shares a picture in the thread; the caller makes sure to do so once."""

    def has_reply(self, thread: Posted, incident: UUID, reply: str) -> bool:
        """Whether the thread holds the reply of this name, or the picture."""
