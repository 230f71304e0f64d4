"""Writes the heartbeat of a driver: a small file, every second.

A live process is no proof of progress; `spark.driver` decides from this file whether a driver
has stalled.
"""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

from firstcause.settings import Settings
from firstcause.streams.progress import SUFFIX


def progress_path(settings: Settings, job: str) -> Path:
    """The progress file of a job."""
    return settings.checkpoints_dir / f"{job}{SUFFIX}"


class ProgressFile:
    """Writes the progress of one driver. Times are seconds since the epoch."""

    def __init__(self, path: Path, job: str) -> None:
        self._path = path
        self._job = job
        self._batch_id = -1
        self._lag_messages: int | None = None
        self._batch_finished_at = time.time()

    def write(
        self, batch_id: int, *, trigger_active: bool, lag_messages: int | None = None
    ) -> None:
        """Replaces the file in one step. A batch id not seen before counts as a finished batch."""
        self._lag_messages = lag_messages
        now = time.time()
        if batch_id != self._batch_id or not trigger_active:
            # With no batch at work there is nothing that could hang.
            self._batch_id = batch_id
            self._batch_finished_at = now
        self._replace(trigger_active=trigger_active, fatal_error=None)

    def write_fatal(self, error: str) -> None:
        """Tells the supervisor that no restart can help: one line that says what to do."""
        self._replace(trigger_active=False, fatal_error=error)

    def write_stopped(self) -> None:
        """Tells that the driver was stopped and has ended, so that nobody misses its heartbeat."""
        self._replace(trigger_active=False, fatal_error=None, stopped=True)

    def _replace(
        self, *, trigger_active: bool, fatal_error: str | None, stopped: bool = False
    ) -> None:
        content = {
            "pid": os.getpid(),
            "job": self._job,
            "batch_id": self._batch_id,
            "batch_finished_at": self._batch_finished_at,
            "trigger_active": trigger_active,
            "lag_messages": self._lag_messages,
            "updated_at": time.time(),
            "fatal_error": fatal_error,
            "stopped": stopped,
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self._path.with_suffix(".tmp")
        temporary.write_text(json.dumps(content), encoding="utf-8")
        temporary.replace(self._path)
