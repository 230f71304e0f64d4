"""The channel used without a Slack token: messages go to a file, pictures beside it."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import orjson

from log_analyzer.notify.channel import PREVIEW, MessageKey, Posted, Reply, Request
from log_analyzer.notify.messages.content import Note, plain_text
from log_analyzer.notify.messages.thread import PICTURE

PREVIEW_MESSAGES: Final = 1_000

Entry = dict[str, Any]


class PreviewChannel:
    """One line of JSON a message in a file, its replies with it; see `Channel`.

    The file is replaced whole and atomically, under a lock that several analyzers share; it
    keeps the last `PREVIEW_MESSAGES` messages, and so does the folder of the pictures. `show`
    is called with each new or changed message, `tell` with the text of each reply.
    """

    def __init__(
        self,
        path: Path,
        show: Callable[[UUID, Note, bool], None],
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

    def post(self, channel: str, key: MessageKey, note: Note) -> Posted:
        """Adds the line of a message, or replaces it, and tells its channel; see `Channel`."""
        name = f"{time.time():.6f}"
        with self._locked() as entries:
            old = next((e for e in entries.values() if _is_of(e, key, channel)), None)
            posted = Posted(PREVIEW, old["message_id"] if old else name)
            entries.pop(posted.message_id, None)
            entries[posted.message_id] = {
                "message_id": posted.message_id,
                "incident_id": str(key.about),
                "edition": key.edition,
                "for_channel": channel,
                **_content(note),
                "replies": old["replies"] if old else {},
            }
        self._show(key.about, note, True)
        return posted

    def update(self, posted: Posted, key: MessageKey, note: Note) -> None:
        """Replaces what the message's line says; see `Channel`."""
        with self._locked() as entries:
            known = {"message_id": posted.message_id, "incident_id": str(key.about), "replies": {}}
            old = entries.get(posted.message_id, known)
            entries[posted.message_id] = old | _content(note)
        self._show(key.about, note, False)

    def holds(self, channel: str) -> bool:
        """True for any channel: what Slack has stays there without a token; see `Channel`."""
        return bool(channel)

    def find(self, channel: str, key: MessageKey, since_ms: int) -> Posted | None:
        """Looks into the file, whatever the time; see `Channel`."""
        del since_ms
        with self._locked() as entries:
            entry = next((e for e in entries.values() if _is_of(e, key, channel)), None)
        return Posted(PREVIEW, entry["message_id"]) if entry else None

    def link(self, posted: Posted) -> str:
        """None: a line of a file has no address; see `Channel`."""
        del posted
        return ""

    def reply(self, thread: Posted, key: MessageKey, reply: Reply) -> Posted:
        """Adds the reply to the message's line; see `Channel`."""
        content = _content(reply.note) | ({"broadcast": True} if reply.broadcast else {})
        self._add_reply(thread, reply.name, content)
        self._tell(key.about, reply.note.text)
        return Posted(PREVIEW, f"{thread.message_id}/{reply.name}")

    def upload(self, thread: Posted, key: MessageKey, png: bytes) -> Posted:
        """Writes the picture into the folder beside the file; see `Channel`."""
        folder = self._path.with_name(f"{self._path.stem}_pictures")
        folder.mkdir(parents=True, exist_ok=True)
        picture = folder / f"{key.about}.png"
        fresh = picture.with_suffix(".new")
        fresh.write_bytes(png)
        fresh.replace(picture)
        for old in sorted(folder.glob("*.png"), key=_written)[:-PREVIEW_MESSAGES]:
            old.unlink(missing_ok=True)
        self._add_reply(thread, PICTURE, {"text": str(picture)})
        self._tell(key.about, str(picture))
        return Posted(PREVIEW, f"{thread.message_id}/{PICTURE}")

    def remove(self, posted: Posted) -> None:
        """Removes a message's line; a reply of a name is there once anyway; see `Channel`."""
        with self._locked() as entries:
            entries.pop(posted.message_id, None)

    def has_reply(self, thread: Posted, key: MessageKey, name: str) -> bool:
        """Looks into the file; see `Channel`."""
        with self._locked() as entries:
            return name in entries.get(thread.message_id, {}).get("replies", {})

    def _add_reply(self, thread: Posted, reply: str, content: dict[str, Any]) -> None:
        with self._locked() as entries:
            # A message that is too old for the file has no place for replies any more.
            if thread.message_id in entries:
                entries[thread.message_id]["replies"][reply] = content

    @contextmanager
    def _locked(self) -> Iterator[dict[str, Entry]]:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.with_suffix(".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            entries: dict[str, Entry] = {}
            if self._path.exists():
                for line in self._path.read_bytes().splitlines():
                    entry = {"replies": {}, **orjson.loads(line)}
                    # Lines of before name it as Slack does.
                    entry.setdefault("message_id", entry.get("ts", ""))
                    entries[entry["message_id"]] = entry
            before = orjson.dumps(entries)
            yield entries
            if orjson.dumps(entries) != before:
                kept = list(entries.values())[-PREVIEW_MESSAGES:]
                fresh = self._path.with_suffix(".new")
                fresh.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in kept))
                fresh.replace(self._path)


def _is_of(entry: Entry, key: MessageKey, channel: str) -> bool:
    known = (entry["incident_id"], entry.get("edition", 0), entry.get("for_channel"))
    return known == (str(key.about), key.edition, channel)


def _content(note: Note) -> dict[str, Any]:
    return {"text": note.text, "shown": plain_text(note.parts)}


def _written(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:
        # Another analyzer has removed it meanwhile.
        return 0
