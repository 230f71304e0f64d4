"""Open indexes of hours, each as new as its last commit."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from pathlib import Path
from typing import Final

import tantivy

from search.embedded.schema import opened
from search.engine import IndexAwayError

OPEN_INDEXES: Final = 200
ATTEMPTS: Final = 5
PAUSE_SECONDS: Final = 0.05

# When `meta.json` was written, and which file it is: a commit replaces it.
_Version = tuple[int, int]


class HourReaders:
    """Gives searchers by folder. Safe for many threads; memory is bounded by OPEN_INDEXES."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: OrderedDict[Path, tuple[_Version, tantivy.Index]] = OrderedDict()

    def searcher(self, path: Path) -> tantivy.Searcher | None:
        """A searcher of what is committed in a folder; None when nothing is or it was removed.

        Raises:
            IndexAwayError: it is there and can't be read.
        """
        for attempt in range(ATTEMPTS):
            try:
                version = _version(path)
                return None if version is None else self._searcher(path, version)
            except (ValueError, OSError) as error:
                # A commit or a merge may have replaced files while they were opened.
                with self._lock:
                    self._open.pop(path, None)
                if attempt == ATTEMPTS - 1 and _version(path) is not None:
                    raise IndexAwayError(
                        f"The search index of {path.name} can't be read ({error}): stop the "
                        f"search-indexer, remove {path.parent.parent} and start it again."
                    ) from error
                time.sleep(PAUSE_SECONDS * attempt)
        return None

    def _searcher(self, path: Path, version: _Version) -> tantivy.Searcher:
        with self._lock:
            known = self._open.get(path)
            if known is None:
                index = opened(path)
                index.config_reader("manual")
                index.reload()
            else:
                index = known[1]
                if known[0] != version:
                    index.reload()
            self._open[path] = (version, index)
            self._open.move_to_end(path)
            while len(self._open) > OPEN_INDEXES:
                self._open.popitem(last=False)
            return index.searcher()


def _version(path: Path) -> _Version | None:
    try:
        found = (path / "meta.json").stat()
    except FileNotFoundError:
        return None
    return found.st_mtime_ns, found.st_ino
