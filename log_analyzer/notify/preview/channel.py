"""Stands in for Slack where there is no token: messages in a file, pictures beside it."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import orjson

from log_analyzer.notify.channel import PREVIEW, Posted, Request
from log_analyzer.notify.slack.message import Notice
from log_analyzer.notify.slack.thread_message import PICTURE, ThreadNote

PREVIEW_MESSAGES: Final = 1_000

Entry = dict[str, Any]


class PreviewChannel:
    """One line of JSON an incident in a file, its replies with it; see `Channel`.

    The file is replaced whole and atomically, under a lock that several analyzers share; it
    keeps the last `PREVIEW_MESSAGES` incidents, and so does the folder of the pictures. `show`
    is called with each new or changed message, `tell` with the text of each reply.
    """

    def __init__(
        self,
        path: Path,
        show: Callable[[UUID, Notice, bool], None],
        tell: Callable[[UUID, str], None] = lambda *_: None,
    ) -> None:
        self._path = path
        self._show = show
        self._tell = tell

    def expect_post(self) -> None:
        """Nothing to do: the preview is never busy; see `Channel`."""

    def ready_in_ms(self, channel: str, request: Request) -> int:
        """Always now; see `Channel`."""
        del channel, request
        return 0

    def post(self, channel: str, incident: UUID, notice: Notice) -> Posted:
        """Adds the incident's line, or replaces it, and tells its channel; see `Channel`."""
        posted = Posted(PREVIEW, f"{time.time():.6f}")
        with self._locked() as entries:
            old = entries.pop(str(incident), None)
            if old is not None:
                posted = Posted(PREVIEW, old["ts"])
            entries[str(incident)] = {
                "incident_id": str(incident),
                "channel": posted.channel,
                "for_channel": channel,
                "ts": posted.ts,
                **_content(notice),
                "replies": old["replies"] if old else {},
            }
        self._show(incident, notice, True)
        return posted

    def update(self, posted: Posted, incident: UUID, notice: Notice) -> None:
        """Replaces what the incident's line says; see `Channel`."""
        with self._locked() as entries:
            old = entries.get(str(incident), {"incident_id": str(incident), "replies": {}})
            place = {"channel": posted.channel, "ts": posted.ts}
            entries[str(incident)] = old | place | _content(notice)
        self._show(incident, notice, False)

    def holds(self, channel: str) -> bool:
        """Any: what was sent to Slack stays there while the token is missing; see `Channel`."""
        return bool(channel)

    def find(self, channel: str, incident: UUID, since_ms: int) -> Posted | None:
        """Looks into the file, whatever the channel and the time; see `Channel`."""
        del channel, since_ms
        with self._locked() as entries:
            entry = entries.get(str(incident))
        return Posted(PREVIEW, entry["ts"]) if entry else None

    def reply(self, thread: Posted, incident: UUID, reply: str, note: ThreadNote) -> None:
        """Adds the reply to the incident's line; see `Channel`."""
        self._add_reply(incident, reply, {"text": note.text, "blocks": list(note.blocks)})
        self._tell(incident, note.text)

    def upload(self, thread: Posted, incident: UUID, png: bytes) -> None:
        """Writes the picture into the folder beside the file; see `Channel`."""
        folder = self._path.with_name(f"{self._path.stem}_pictures")
        folder.mkdir(parents=True, exist_ok=True)
        picture = folder / f"{incident}.png"
        fresh = picture.with_suffix(".new")
        fresh.write_bytes(png)
        fresh.replace(picture)
        for old in sorted(folder.glob("*.png"), key=_written)[:-PREVIEW_MESSAGES]:
            old.unlink(missing_ok=True)
        self._add_reply(incident, PICTURE, {"text": str(picture)})
        self._tell(incident, str(picture))

    def has_reply(self, thread: Posted, incident: UUID, reply: str) -> bool:
        """Looks into the file; see `Channel`."""
        with self._locked() as entries:
            return reply in entries.get(str(incident), {}).get("replies", {})

    def _add_reply(self, incident: UUID, reply: str, content: dict[str, Any]) -> None:
        with self._locked() as entries:
            # An incident that is too old for the file has no place for replies any more.
            if str(incident) in entries:
                entries[str(incident)]["replies"][reply] = content

    @contextmanager
    def _locked(self) -> Iterator[dict[str, Entry]]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            entries: dict[str, Entry] = {}
            if self._path.exists():
                for line in self._path.read_bytes().splitlines():
                    entry = orjson.loads(line)
                    entries[entry["incident_id"]] = {"replies": {}, **entry}
            before = orjson.dumps(entries)
            yield entries
            if orjson.dumps(entries) != before:
                kept = list(entries.values())[-PREVIEW_MESSAGES:]
                fresh = self._path.with_suffix(".new")
                fresh.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in kept))
                fresh.replace(self._path)


def _content(notice: Notice) -> dict[str, Any]:
    return {"text": notice.text, "blocks": list(notice.blocks)}


def _written(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        # Another analyzer has removed it meanwhile.
        return 0
