"""Limits the size of log files while their processes keep writing."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from firstcause.local.service import LARGE_LOG_BYTES


def rotate_large_logs(folder: Path, large_bytes: int = LARGE_LOG_BYTES) -> list[Path]:
    """Copies logs beyond `large_bytes` to `NAME.log.1` and empties them; returns which.

    Processes append, so they go on at the new end; what is written between the copy and the
    emptying, some milliseconds, is lost. At most twice `large_bytes` and what comes between two
    calls is kept a log.

    Raises:
        OSError: the disk is full, or a file is another user's.
    """
    rotated = []
    for log_file in sorted(folder.glob("*.log")):
        if log_file.stat().st_size > large_bytes:
            aside = log_file.with_name(f"{log_file.name}.1")
            partial = aside.with_suffix(".partial")
            shutil.copyfile(log_file, partial)
            os.truncate(log_file, 0)
            partial.replace(aside)
            rotated.append(log_file)
    return rotated
