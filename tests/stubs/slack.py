"""Behaves like Slack's Web API as far as incidents need it; `python -m tests.stubs.slack --port N`.

Faults, by "kind": `rate_limited` (429, "retry_after"), `error` ("error", e.g. invalid_auth),
`http_500`, `drop` (nothing done, connection closed), `accept_then_drop` (done, connection
closed), `accept_then_500`, `accept_then_hang`, `hang`. "path" narrows it to one method.
"""

from __future__ import annotations

import itertools
import json
import time
from typing import Any

from tests.stubs.faults import StubServer, run

CHANNEL_ID = "C0INCIDENTS"
CHANNEL_NAME = "incidents"


class SlackStub(StubServer):
    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.messages: list[dict[str, Any]] = []
        self._serial = itertools.count(1)

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"

    def state(self) -> dict[str, Any]:
        return {"messages": self.messages}

    def posts_of(self, incident_id: str) -> list[dict[str, Any]]:
        return [m for m in self.messages if _incident(m) == incident_id]

    def answer(self, request: dict[str, Any], fault: dict[str, Any] | None) -> Any:  # noqa: PLR0911
        kind = fault["kind"] if fault else ""
        if kind == "rate_limited":
            headers = {"Retry-After": str(fault["retry_after"])}
            return 429, {"ok": False, "error": "ratelimited"}, headers
        if kind == "error":
            return 200, {"ok": False, "error": fault["error"]}
        if kind == "http_500":
            return 500, b"<html>oops</html>", {"Content-Type": "text/html"}
        if kind == "drop":
            return None
        if kind == "hang":
            return "hang"
        if not request["authorization"].startswith("Bearer xoxb-"):
            return 200, {"ok": False, "error": "invalid_auth"}
        method = request["path"].removeprefix("/api/")
        arguments = {key: values[0] for key, values in request["query"].items()} | request["body"]
        handler = getattr(self, method.replace(".", "_"), None)
        if handler is None:
            return 200, {"ok": False, "error": "unknown_method"}
        body = handler(arguments)
        if kind == "accept_then_drop":
            return None
        if kind == "accept_then_hang":
            return "hang"
        if kind == "accept_then_500":
            return 500, {"ok": False, "error": "internal_error"}
        return 200, body

    def auth_test(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"ok": True, "user_id": "UBOT", "team_id": "TSTUB"}

    def conversations_list(self, _: dict[str, Any]) -> dict[str, Any]:
        channels = [{"id": CHANNEL_ID, "name": CHANNEL_NAME}]
        return {"ok": True, "channels": channels, "response_metadata": {"next_cursor": ""}}

    def chat_postMessage(self, arguments: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        if arguments["channel"] not in (CHANNEL_ID, f"#{CHANNEL_NAME}"):
            return {"ok": False, "error": "channel_not_found"}
        refused = _refused(arguments)
        if refused:
            return {"ok": False, "error": refused}
        message = {
            "ts": f"{time.time():.3f}{next(self._serial):03d}",
            "text": arguments.get("text"),
            "blocks": _decoded(arguments.get("blocks")),
            "metadata": _decoded(arguments.get("metadata")),
            "updates": 0,
        }
        self.messages.append(message)
        return {"ok": True, "channel": CHANNEL_ID, "ts": message["ts"], "message": message}

    def chat_update(self, arguments: dict[str, Any]) -> dict[str, Any]:
        refused = _refused(arguments)
        if refused:
            return {"ok": False, "error": refused}
        for message in self.messages:
            if message["ts"] == arguments["ts"] and arguments["channel"] == CHANNEL_ID:
                message["text"] = arguments.get("text")
                message["blocks"] = _decoded(arguments.get("blocks"))
                message["updates"] += 1
                return {"ok": True, "channel": CHANNEL_ID, "ts": message["ts"]}
        return {"ok": False, "error": "message_not_found"}

    def conversations_history(self, arguments: dict[str, Any]) -> dict[str, Any]:
        if arguments["channel"] != CHANNEL_ID:
            return {"ok": False, "error": "channel_not_found"}
        oldest, limit = float(arguments.get("oldest") or 0), int(arguments.get("limit") or 100)
        start = int(arguments.get("cursor") or 0)
        found = [m for m in reversed(self.messages) if float(m["ts"]) > oldest]
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


def _decoded(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _refused(arguments: dict[str, Any]) -> str | None:
    """Slack's limits: 50 blocks, 3,000 characters a section, 150 a header, no empty text."""
    blocks = _decoded(arguments.get("blocks")) or []
    if len(blocks) > 50:
        return "invalid_blocks"
    for block in blocks:
        text = (block.get("text") or {}).get("text")
        limit = 150 if block["type"] == "header" else 3000
        if block["type"] in ("header", "section") and not (text and len(text) <= limit):
            return "invalid_blocks"
    return None


def _incident(message: dict[str, Any]) -> str | None:
    return ((message.get("metadata") or {}).get("event_payload") or {}).get("incident_id")


if __name__ == "__main__":
    run(SlackStub)
