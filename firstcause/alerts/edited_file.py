"""A file that people edit while it is in force: read again when it has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import structlog

from firstcause.errors import FirstcauseError

_log = structlog.get_logger()
Content = TypeVar("Content")


class EditedFile(Generic[Content]):
    """What a file says. A broken edit is told once, and what last worked stays in force.

    Args:
        path: the file.
        load: reads it; raises `FirstcauseError` on a mistake.

    Attributes:
        content: what is in force.

    Raises (from the constructor):
        FirstcauseError: the file is wrong from the start.
    """

    def __init__(self, path: Path, load: Callable[[Path], Content]) -> None:
        self._path = path
        self._load = load
        self._digest = _digest(path)
        self.content = load(path)

    def reread(self) -> bool:
        """Reads the file again if it has changed; blocks. True when its content is new."""
        digest = _digest(self._path)
        if digest == self._digest:
            return False
        self._digest = digest
        try:
            self.content = self._load(self._path)
        except FirstcauseError as error:
            _log.error("file_not_read", error=str(error), kept="what last worked")
            return False
        _log.info("file_read", path=str(self._path))
        return True


def _digest(path: Path) -> bytes | None:
    try:
        return hashlib.sha256(path.read_bytes()).digest()
    except OSError:
        return None
