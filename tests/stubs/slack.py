"""Behaves like Slack's Web API as far as incidents need it; `python -m tests.stubs.slack --port N`.

It has Slack's limits: of blocks (`tests.stubs.block_kit`), and one message a second a channel
(429 with Retry-After). Metadata and files are in histories as they are in Slack's.

Faults, by "kind": `rate_limited` (429, "retry_after"), `error` ("error", e.g. invalid_auth),
`http_500`, `drop` (nothing done, connection closed), `accept_then_drop` (done, connection
closed), `accept_then_500`, `accept_then_hang`, `hang`. "path" narrows it to one method.
"""

from __future__ import annotations

import itertools
import json
import time
from typing import Any

from tests.stubs.block_kit import refusal
from tests.stubs.faults import StubServer, run

CHANNEL_ID = "C0INCIDENTS"
CHANNEL_NAME = "incidents"
CHANNELS = {CHANNEL_ID: CHANNEL_NAME, "C0PAYMENTS": "payments", "C0QUIET": "quiet"}
# Less than Slack's second, so that a pace kept exactly never fails here.
MESSAGE_INTERVAL_SECONDS = 0.9
_MESSAGES = frozenset({"chat.postMessage", "files.completeUploadExternal"})


class SlackStub(StubServer):
    """`messages` are those in channels, `replies` those in threads; oldest first."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.messages: list[dict[str, Any]] = []
        self.replies: list[dict[str, Any]] = []
        self.files: dict[str, dict[str, Any]] = {}
        self.socket_url: str | None = None
        self.message_interval_seconds = MESSAGE_INTERVAL_SECONDS
        self._serial = itertools.count(1)
        self._sent_at: dict[str, float] = {}

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"

    def state(self) -> dict[str, Any]:
        return {"messages": self.messages, "replies": self.replies}

    def posts_of(self, incident_id: str) -> list[dict[str, Any]]:
        return [one for one in self.messages if _payload(one).get("incident_id") == incident_id]

    def replies_of(self, incident_id: str) -> list[dict[str, Any]]:
        threads = {one["ts"] for one in self.posts_of(incident_id)}
        return [one for one in self.replies if one["thread_ts"] in threads]

    def answer(self, request: dict[str, Any], fault: dict[str, Any] | None) -> Any:  # noqa: PLR0911
        fault = fault or {}
        kind = fault.get("kind", "")
        if kind == "rate_limited":
            return _rate_limited(fault["retry_after"])
        if kind == "error":
            return 200, {"ok": False, "error": fault["error"]}
        if kind == "http_500":
            return 500, b"<html>oops</html>", {"Content-Type": "text/html"}
        if kind == "drop":
            return None
        if kind == "hang":
            return "hang"
        reply = self._answered(request)
        if kind == "accept_then_drop":
            return None
        if kind == "accept_then_hang":
            return "hang"
        if kind == "accept_then_500":
            return 500, {"ok": False, "error": "internal_error"}
        return reply

    def _answered(self, request: dict[str, Any]) -> Any:
        if request["path"].startswith("/upload/"):
            self.files[request["path"].removeprefix("/upload/")]["data"] = request["body"]
            return 200, b"OK", {"Content-Type": "text/plain"}
        if not request["authorization"].startswith(("Bearer xoxb-", "Bearer xapp-")):
            return 200, {"ok": False, "error": "invalid_auth"}
        method = request["path"].removeprefix("/api/")
        arguments = {key: values[0] for key, values in request["query"].items()} | request["body"]
        handler = getattr(self, method.replace(".", "_"), None)
        if handler is None:
            return 200, {"ok": False, "error": "unknown_method"}
        if method in _MESSAGES:
            channel = _channel(arguments.get("channel") or arguments.get("channel_id"))
            now = time.monotonic()
            if now - self._sent_at.get(str(channel), 0.0) < self.message_interval_seconds:
                return _rate_limited(1)
            self._sent_at[str(channel)] = now
        return 200, handler(arguments)

    def auth_test(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "user_id": "UBOT", "team_id": "TSTUB"}

    def apps_connections_open(self, _: dict[str, Any]) -> dict[str, Any]:
        if self.socket_url is None:
            return {"ok": False, "error": "forbidden_for_this_app"}
        return {"ok": True, "url": self.socket_url}

    def conversations_list(self, _: dict[str, Any]) -> dict[str, Any]:
        channels = [{"id": key, "name": name} for key, name in CHANNELS.items()]
        return {"ok": True, "channels": channels, "response_metadata": {"next_cursor": ""}}

    def chat_postMessage(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        channel = _channel(arguments["channel"])
        if channel is None:
            return {"ok": False, "error": "channel_not_found"}
        blocks = _decoded(arguments.get("blocks"))
        refused = refusal(blocks, arguments.get("text"))
        if refused:
            return {"ok": False, "error": refused}
        message = {
            "text": arguments.get("text"),
            "blocks": blocks,
            "metadata": _decoded(arguments.get("metadata")),
        }
        broadcast = str(arguments.get("reply_broadcast")).lower() in ("1", "true")
        if arguments.get("thread_ts") is not None:
            message["broadcast"] = broadcast
        stands = self._add(channel, arguments.get("thread_ts"), message)
        if stands is None:
            return {"ok": False, "error": "thread_not_found"}
        return {"ok": True, "channel": channel, "ts": stands["ts"], "message": stands}

    def _add(
        self, channel: str, thread_ts: str | None, message: dict[str, Any]
    ) -> dict[str, Any] | None:
        ts = f"{time.time():.3f}{next(self._serial) % 1000:03d}"
        stands = {"ts": ts, "channel": channel, "updates": 0, **message}
        if thread_ts is None:
            self.messages.append(stands)
            return stands
        if not any(one["ts"] == thread_ts and one["channel"] == channel for one in self.messages):
            return None
        self.replies.append(stands | {"thread_ts": thread_ts})
        return stands

    def chat_update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        blocks = _decoded(arguments.get("blocks"))
        refused = refusal(blocks, arguments.get("text"))
        if refused:
            return {"ok": False, "error": refused}
        for message in self.messages:
            if message["ts"] == arguments["ts"] and arguments["channel"] == message["channel"]:
                message["text"] = arguments.get("text")
                message["blocks"] = blocks
                message["updates"] += 1
                return {"ok": True, "channel": message["channel"], "ts": message["ts"]}
        return {"ok": False, "error": "message_not_found"}

    def chat_delete(self, arguments: dict[str, Any]) -> dict[str, Any]:
        for place in (self.messages, self.replies):
            for message in place:
                if message["ts"] == arguments["ts"] and message["channel"] == arguments["channel"]:
                    place.remove(message)
                    return {"ok": True, "channel": message["channel"], "ts": message["ts"]}
        return {"ok": False, "error": "message_not_found"}

    def files_delete(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if self.files.pop(arguments["file"], None) is None:
            return {"ok": False, "error": "file_not_found"}
        for message in list(self.replies):
            kept = [one for one in message.get("files") or () if one["id"] != arguments["file"]]
            if len(kept) < len(message.get("files") or ()):
                self.replies.remove(message)
        return {"ok": True}

    def chat_getPermalink(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        channel, ts = arguments["channel"], arguments["message_ts"]
        if not any(m["ts"] == ts and m["channel"] == channel for m in self.messages):
            return {"ok": False, "error": "message_not_found"}
        address = f"https://stub.slack.com/archives/{channel}/p{ts.replace('.', '')}"
        return {"ok": True, "channel": channel, "permalink": address}

    def files_getUploadURLExternal(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        key = f"F{next(self._serial):08d}"
        self.files[key] = {"id": key, "name": arguments["filename"], "data": None}
        return {"ok": True, "upload_url": f"{self.url}/upload/{key}", "file_id": key}

    def files_completeUploadExternal(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        channel = _channel(arguments.get("channel_id"))
        if channel is None:
            return {"ok": False, "error": "channel_not_found"}
        shared = []
        for one in _decoded(arguments["files"]):
            file = self.files.get(one["id"])
            if file is None or file["data"] is None:
                return {"ok": False, "error": "file_not_found"}
            shared.append({"id": file["id"], "name": file["name"], "title": one["title"]})
        message = {"text": "", "blocks": None, "metadata": None, "files": shared}
        if self._add(channel, arguments.get("thread_ts"), message) is None:
            return {"ok": False, "error": "thread_not_found"}
        return {"ok": True, "files": shared}

    def conversations_history(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments["channel"] not in CHANNELS:
            return {"ok": False, "error": "channel_not_found"}
        oldest = float(arguments.get("oldest") or 0)
        of_channel = [m for m in self.messages if m["channel"] == arguments["channel"]]
        return _page([m for m in reversed(of_channel) if float(m["ts"]) > oldest], arguments)

    def conversations_replies(self, arguments: dict[str, Any]) -> dict[str, Any]:
        channel, ts = arguments["channel"], arguments["ts"]
        root = [m for m in self.messages if m["ts"] == ts and m["channel"] == channel]
        if not root:
            return {"ok": False, "error": "thread_not_found"}
        return _page(root + [m for m in self.replies if m["thread_ts"] == ts], arguments)


def _page(found: list[dict[str, Any]], arguments: dict[str, Any]) -> dict[str, Any]:
    start, limit = int(arguments.get("cursor") or 0), int(arguments.get("limit") or 100)
    page = [dict(m) for m in found[start : start + limit]]
    if str(arguments.get("include_all_metadata")).lower() not in ("1", "true"):
        for message in page:
            message.pop("metadata")
    cursor = str(start + limit) if len(found) > start + limit else ""
    return {
        "ok": True,
        "messages": page,
        "has_more": bool(cursor),
        "response_metadata": {"next_cursor": cursor},
    }


def _channel(wanted: str | None) -> str | None:
    """The id of a channel that is named by id or by #name."""
    ids = [key for key, name in CHANNELS.items() if wanted in (key, f"#{name}")]
    return ids[0] if ids else None


def _rate_limited(seconds: int) -> Any:
    return 429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(seconds)}


def _decoded(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _payload(message: dict[str, Any]) -> dict[str, Any]:
    return (message.get("metadata") or {}).get("event_payload") or {}


if __name__ == "__main__":
    run(SlackStub)
