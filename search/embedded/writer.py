"""Writes log events into the indexes of their hours."""

from __future__ import annotations

import fcntl
from collections import OrderedDict
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Final

import tantivy

from firstcause.errors import FirstcauseError
from firstcause.events.log_event import LogEvent
from search.embedded.hours import HourFolders, hour_of
from search.embedded.schema import document_of, opened

# Traffic of now lies in one or two hours; a replay goes through hours one after the other.
OPEN_HOURS: Final = 3
WRITER_BYTES: Final = 48_000_000


class IndexWriteError(Exception):
    """The index does not take writes now: no space, no rights, a broken folder."""


class HourWriters:
    """The writer of all hours below one root. Not for two threads.

    One process writes at a time: a lock on the root says so, and ends with its process.

    Raises:
        FirstcauseError: another process writes already.
    """

    def __init__(self, root: Path) -> None:
        self._folders = HourFolders(root)
        self._folders.root.mkdir(parents=True, exist_ok=True)
        self._lock = _locked(root)
        self._writers: OrderedDict[int, tantivy.IndexWriter] = OrderedDict()

    def put(self, events: Iterable[LogEvent]) -> None:
        """Makes these events findable, each once in its hour; durable when it returns.

        An event that is there already, by its log id, is replaced. Blocks for the commits.

        Raises:
            IndexWriteError: some of it may be written; the same events can be put again.
        """
        by_hour: dict[int, dict[str, LogEvent]] = {}
        for event in events:
            by_hour.setdefault(hour_of(event.timestamp_ms), {})[event.log_id] = event
        try:
            for hour in sorted(by_hour):
                writer = self._writer(hour)
                for log_id, event in by_hour[hour].items():
                    writer.delete_documents_by_term("log_id", log_id)
                    writer.add_document(document_of(event))
                writer.commit()
        except (ValueError, OSError) as error:
            # What was not committed must not come with the next commit.
            self._drop()
            raise IndexWriteError(str(error)) from error

    @property
    def is_empty(self) -> bool:
        """Whether there is no hour at all: a new index, or one that somebody removed."""
        return next(self._folders.every(), None) is None

    def remove_old(self, keep_seconds: float) -> list[str]:
        """Removes hours as `HourFolders.remove_old` does, none that is being written.

        Raises:
            IndexWriteError: the folders cannot be looked through or removed; a later try may.
        """
        self._drop()
        try:
            return self._folders.remove_old(keep_seconds)
        except OSError as error:
            raise IndexWriteError(str(error)) from error

    def close(self) -> None:
        """Ends merges and lets another process write."""
        self._drop()
        self._lock.close()

    def _writer(self, hour: int) -> tantivy.IndexWriter:
        writer = self._writers.get(hour)
        if writer is None:
            while len(self._writers) >= OPEN_HOURS:
                self._writers.popitem(last=False)[1].wait_merging_threads()
            path = self._folders.path(hour)
            path.mkdir(exist_ok=True)
            # One thread makes one segment a commit.
            writer = opened(path).writer(WRITER_BYTES, 1)
            self._writers[hour] = writer
        self._writers.move_to_end(hour)
        return writer

    def _drop(self) -> None:
        while self._writers:
            _, writer = self._writers.popitem()
            try:
                writer.rollback()
                writer.wait_merging_threads()
            except ValueError:
                # It is broken, and let go of: its folder is opened anew.
                continue


def _locked(root: Path) -> IO[str]:
    lock = (root / "writer.lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise FirstcauseError(
            f"Another process writes the search index in {root}: stop the other search-indexer."
        ) from None
    return lock
