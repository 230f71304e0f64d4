"""Creates files with random secrets, readable by their owner only."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from firstcause.errors import FirstcauseError


def secret_file(path: Path, text: str | None = None) -> str:
    """The secret in `path`; makes the file with `text`, by default 64 random hex digits.

    What is there stays. The text is in the file whole or not at all, also after a kill.

    Raises:
        FirstcauseError: the file is there and empty.
    """
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        beside = path.with_name(f".{path.name}.{os.getpid()}")
        with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(secrets.token_hex(32) if text is None else text)
        beside.rename(path)
    found = path.read_text(encoding="utf-8")
    if not found:
        raise FirstcauseError(f"{path} is empty: remove it, then start again.")
    return found
