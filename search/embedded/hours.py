"""The hours of event time, and the folder of each."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

HOUR_MS: Final = 3_600_000
# Of the schema: another one begins another folder.
LAYOUT: Final = "v1"

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_HOUR: Final = (datetime(1, 1, 1, tzinfo=UTC) - _EPOCH) // timedelta(hours=1)
_LAST_HOUR: Final = (datetime(9999, 12, 31, 23, tzinfo=UTC) - _EPOCH) // timedelta(hours=1)
_NAME: Final = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}", re.ASCII)
_REMOVED: Final = ".removed"


def hour_of(timestamp_ms: int) -> int:
    """The hour of a time, counted from 1970; beyond the calendar the nearest that it has."""
    return min(max(timestamp_ms // HOUR_MS, _FIRST_HOUR), _LAST_HOUR)


class HourFolders:
    """The folders below one root; another process may add and remove some at any time."""

    def __init__(self, root: Path) -> None:
        self.root = root / LAYOUT

    def path(self, hour: int) -> Path:
        """The folder of an hour, there or not: `2026-01-31T12` (UTC)."""
        return self.root / (_EPOCH + timedelta(hours=hour)).isoformat()[:13]

    def between(self, from_ms: int, to_ms: int) -> Iterator[tuple[int, Path]]:
        """The hours that are there and touch [from_ms, to_ms), the newest first."""
        if to_ms <= from_ms:
            return
        first, last = hour_of(from_ms), hour_of(to_ms - 1)
        for hour, path in self.every():
            if first <= hour <= last:
                yield hour, path

    def every(self) -> Iterator[tuple[int, Path]]:
        """All hours that are there, the newest first."""
        if not self.root.is_dir():
            return
        names = (path.name for path in self.root.iterdir() if _NAME.fullmatch(path.name))
        for name in sorted(names, reverse=True):
            moment = datetime.fromisoformat(f"{name}:00+00:00")
            yield (moment - _EPOCH) // timedelta(hours=1), self.root / name

    def remove_old(self, keep_seconds: float, now_seconds: float | None = None) -> list[str]:
        """Removes hours that ended so long ago and in which nothing was written for as long.

        So a recording of last year that is replayed today is found for as long as today's logs.
        Returns the names of what was removed. What another process reads meanwhile stays readable
        to it.
        """
        now = time.time() if now_seconds is None else now_seconds
        removed = []
        for leftover in self.root.glob(f"*{_REMOVED}"):
            shutil.rmtree(leftover, ignore_errors=True)
        end_ms = int((now - keep_seconds) * 1_000)
        for hour, path in self.every():
            if (hour + 1) * HOUR_MS > end_ms or _written_seconds(path) > now - keep_seconds:
                continue
            gone = path.with_name(path.name + _REMOVED)
            # At once for readers, however long the removal takes.
            path.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)
            removed.append(path.name)
        return removed


def _written_seconds(path: Path) -> float:
    """When something was written into the index last."""
    try:
        return (path / "meta.json").stat().st_mtime
    except FileNotFoundError:
        return path.stat().st_mtime
