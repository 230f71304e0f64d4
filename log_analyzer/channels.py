"""Where incident messages go: Slack's Web API, or a preview file when there is no token."""

from __future__ import annotations

import fcntl
import http.client
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID

import orjson
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError

from log_analyzer.notice import Notice

# The channel of messages that were shown here instead of sent.
PREVIEW: Final = "preview"
METADATA_EVENT: Final = "firstcause_incident"
HTTP_TIMEOUT_SECONDS: Final = 8
HISTORY_PAGES: Final = 20
HISTORY_PAGE: Final = 200
CHANNEL_PAGES: Final = 50
PREVIEW_MESSAGES: Final = 1_000


class NotSentError(Exception):
    """It is sure that nothing was posted; `retry_after_seconds` says when to try again."""

    def __init__(self, reason: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason)
        self.retry_after_seconds = retry_after_seconds


class MaybeSentError(Exception):
    """The post may or may not have been made: look into the history before another."""


@dataclass(frozen=True, slots=True)
class Posted:
    """Where a message stands: the channel's id and the message's timestamp in it."""

    channel: str
    ts: str


class Channel(Protocol):
    """A place for incident messages. Every method blocks, at most some seconds a request.

    Raises `NotSentError` when nothing was done for sure, `MaybeSentError` when nobody knows.
    """

    def post(self, incident: UUID, notice: Notice) -> Posted:
        """Posts a new message; the caller makes sure that it does so once."""

    def update(self, posted: Posted, incident: UUID, notice: Notice) -> None:
        """Replaces a message; repeating it is harmless."""

    def holds(self, channel: str) -> bool:
        """False for a message that was only previewed: it has to be posted still."""

    def find(self, incident: UUID, since_ms: int) -> Posted | None:
        """The incident's message among those posted since a time, by its metadata."""


class SlackChannel:
    """A Slack channel through the official SDK.

    The SDK's own retries are off: its default repeats a post whose connection broke, and so
    posts twice. Needs the scopes chat:write, channels:history, and channels:read unless
    `channel` is an id.
    """

    def __init__(self, token: str, channel: str, api_url: str) -> None:
        self._channel = channel
        self._channel_id: str | None = None
        self._client = WebClient(
            token=token, base_url=api_url, timeout=HTTP_TIMEOUT_SECONDS, retry_handlers=[]
        )

    def post(self, incident: UUID, notice: Notice) -> Posted:
        """Posts; see `Channel`."""
        response = self._call(
            lambda: self._client.chat_postMessage(
                channel=self._channel,
                text=notice.text,
                blocks=list(notice.blocks),
                metadata=_metadata(incident),
                unfurl_links=False,
                unfurl_media=False,
            )
        )
        self._channel_id = str(response["channel"])
        return Posted(self._channel_id, str(response["ts"]))

    def update(self, posted: Posted, incident: UUID, notice: Notice) -> None:
        """Updates; see `Channel`."""
        self._call(
            lambda: self._client.chat_update(
                channel=posted.channel,
                ts=posted.ts,
                text=notice.text,
                blocks=list(notice.blocks),
                metadata=_metadata(incident),
            )
        )

    def holds(self, channel: str) -> bool:
        """Any but the preview; see `Channel`."""
        return channel != PREVIEW

    def find(self, incident: UUID, since_ms: int) -> Posted | None:
        """Reads the channel's history back to a minute before `since_ms`; see `Channel`."""
        channel, cursor = self._resolve(), None
        oldest = f"{since_ms / 1000 - 60:.6f}"
        for _ in range(HISTORY_PAGES):
            page = self._read_history(channel, oldest, cursor)
            for message in page.get("messages") or ():
                metadata = message.get("metadata") or {}
                payload = metadata.get("event_payload") or {}
                ours = metadata.get("event_type") == METADATA_EVENT
                if ours and payload.get("incident_id") == str(incident):
                    return Posted(channel, str(message["ts"]))
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None
        raise MaybeSentError("the channel's history is too long to look through")

    def _read_history(self, channel: str, oldest: str, cursor: str | None) -> Any:
        return self._call(
            lambda: self._client.conversations_history(
                channel=channel,
                oldest=oldest,
                cursor=cursor,
                limit=HISTORY_PAGE,
                include_all_metadata=True,
            )
        )

    def _resolve(self) -> str:
        """The channel's id, which the history is read by; names are looked up once."""
        if self._channel_id is None and not self._channel.startswith("#"):
            self._channel_id = self._channel
        cursor: str | None = None
        for _ in range(CHANNEL_PAGES):
            if self._channel_id is not None:
                return self._channel_id
            page = self._list_channels(cursor)
            for one in page["channels"]:
                if one["name"] == self._channel.removeprefix("#"):
                    self._channel_id = str(one["id"])
            cursor = (page.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                break
        if self._channel_id is None:
            raise NotSentError(f"channel_not_found: set SLACK_CHANNEL to the id of {self._channel}")
        return self._channel_id

    def _list_channels(self, cursor: str | None) -> Any:
        return self._call(lambda: self._client.conversations_list(limit=1000, cursor=cursor))

    @staticmethod
    def _call(request: Callable[[], Any]) -> Any:
        try:
            return request()
        except SlackApiError as error:
            response = error.response
            status = int(response.status_code)
            reason = str(response.get("error") or f"HTTP {status}")[:200]
            if status == http.client.TOO_MANY_REQUESTS or reason == "ratelimited":
                headers = {str(k).lower(): v for k, v in response.headers.items()}
                raise NotSentError("ratelimited", _seconds(headers.get("retry-after"))) from error
            if status >= http.client.INTERNAL_SERVER_ERROR or reason in _UNSURE:
                raise MaybeSentError(reason) from error
            if status == http.client.OK and response.get("ok") is None:
                raise MaybeSentError("an answer that is not Slack's") from error
            raise NotSentError(reason) from error
        except ConnectionRefusedError as error:
            raise NotSentError("connection refused") from error
        except (OSError, http.client.HTTPException) as error:
            refused = isinstance(getattr(error, "reason", None), ConnectionRefusedError)
            if refused:
                raise NotSentError("connection refused") from error
            raise MaybeSentError(f"{type(error).__name__}: {error}"[:200]) from error


# Slack's words for "something broke here": the post may have been made all the same.
_UNSURE: Final = frozenset({"internal_error", "fatal_error", "request_timeout"})


def _metadata(incident: UUID) -> dict[str, Any]:
    return {"event_type": METADATA_EVENT, "event_payload": {"incident_id": str(incident)}}


def _seconds(value: str | list[str] | None) -> float:
    try:
        return min(300.0, max(1.0, float(value[0] if isinstance(value, list) else value or 1)))
    except ValueError:
        return 30.0


class PreviewChannel:
    """Stands in for Slack without a token: one line of JSON an incident in a file.

    The file is replaced whole and atomically, under a lock that several analyzers share; it
    keeps the last `PREVIEW_MESSAGES` incidents. `show` is called with each new or changed entry.
    """

    def __init__(self, path: Path, show: Callable[[UUID, Notice, bool], None]) -> None:
        self._path = path
        self._show = show

    def post(self, incident: UUID, notice: Notice) -> Posted:
        """Adds the incident's line, or replaces it; see `Channel`."""
        posted = Posted(PREVIEW, f"{time.time():.6f}")
        with self._locked() as entries:
            old = entries.pop(str(incident), None)
            if old is not None:
                posted = Posted(PREVIEW, old["ts"])
            entries[str(incident)] = self._entry(incident, notice, posted)
        self._show(incident, notice, True)
        return posted

    def update(self, posted: Posted, incident: UUID, notice: Notice) -> None:
        """Replaces the incident's line; see `Channel`."""
        with self._locked() as entries:
            entries[str(incident)] = self._entry(incident, notice, posted)
        self._show(incident, notice, False)

    def holds(self, channel: str) -> bool:
        """Any: what was sent to Slack stays there while the token is missing; see `Channel`."""
        return bool(channel)

    def find(self, incident: UUID, since_ms: int) -> Posted | None:
        """Looks into the file, whatever the time; see `Channel`."""
        del since_ms
        with self._locked() as entries:
            entry = entries.get(str(incident))
        return Posted(PREVIEW, entry["ts"]) if entry else None

    @staticmethod
    def _entry(incident: UUID, notice: Notice, posted: Posted) -> dict[str, Any]:
        return {
            "incident_id": str(incident),
            "channel": posted.channel,
            "ts": posted.ts,
            "text": notice.text,
            "blocks": list(notice.blocks),
        }

    @contextmanager
    def _locked(self) -> Iterator[dict[str, dict[str, Any]]]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            entries: dict[str, dict[str, Any]] = {}
            if self._path.exists():
                for line in self._path.read_bytes().splitlines():
                    entry = orjson.loads(line)
                    entries[entry["incident_id"]] = entry
            before = orjson.dumps(entries)
            yield entries
            if orjson.dumps(entries) != before:
                kept = list(entries.values())[-PREVIEW_MESSAGES:]
                fresh = self._path.with_suffix(".new")
                fresh.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in kept))
                fresh.replace(self._path)
