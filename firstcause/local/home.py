"""Decides which folders below FIRSTCAUSE_HOME are ours, so that no others are removed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Final

from firstcause.errors import FirstcauseError

# Names what the first start found free, and so what `down --wipe` may remove.
MARK: Final = ".firstcause-home.json"
# An earlier version made this file and no mark.
LOCK: Final = "lock"

SERVICE_FOLDERS: Final = ("airflow", "cassandra", "kafka", "postgres")
WIPED: Final = (
    *SERVICE_FOLDERS,
    "alertmanager",
    "checkpoints",
    "logs",
    "prometheus",
    "run",
    "search",
    "slack_preview.jsonl",
    "slack_preview.lock",
    "slack_preview_pictures",
)


def claim(home: Path) -> None:
    """Marks the folder as ours, once, before anything is made in it. Harmless when repeated.

    Raises:
        FirstcauseError: a folder that a service would use is there and not ours.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    mark = home / MARK
    if mark.exists():
        return
    is_earlier = (home / LOCK).exists()
    taken = [] if is_earlier else [name for name in SERVICE_FOLDERS if (home / name).exists()]
    if taken:
        raise FirstcauseError(
            f"{home} holds {' and '.join(taken)}, which firstcause did not make: set "
            "FIRSTCAUSE_HOME to a folder of its own."
        )
    ours = [name for name in WIPED if is_earlier or not (home / name).exists()]
    try:
        with mark.open("x", encoding="utf-8") as file:
            json.dump({"ours": ours}, file)
    except FileExistsError:
        return  # another start was first


def wipe(home: Path) -> list[str]:
    """Removes our files; returns what was there before firstcause, which is kept.

    The jars stay.

    Raises:
        FirstcauseError: the folder is not marked, so nothing in it is known to be ours.
    """
    mark = home / MARK
    found = [name for name in WIPED if (home / name).exists()]
    if not mark.exists():
        if not found:
            return []
        raise FirstcauseError(
            f"{home} is not marked as a folder of firstcause ({MARK}): remove "
            f"{', '.join(found)} by hand, if they are yours."
        )
    ours = set(json.loads(mark.read_text(encoding="utf-8"))["ours"])
    for name in found:
        path = home / name
        if name not in ours:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    return [name for name in found if name not in ours]
