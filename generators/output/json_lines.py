"""Writes log events to a JSON Lines file."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from firstcause.errors import FirstcauseError
from generators.output.message_batch import MessageBatch


def write_json_lines(path: Path, batches: Iterable[MessageBatch]) -> int:
    """Writes one message a line, compressed where the name ends in .gz; returns the lines written.

    The file appears under its name only when it is whole; equal events make an equal file.

    Raises:
        FirstcauseError: the file cannot be written.
    """
    written = 0

    def lines() -> Iterable[bytes]:
        nonlocal written
        for batch in batches:
            if len(batch):
                yield b"\n".join(batch.values) + b"\n"
                written += len(batch)

    write_whole(path, lines())
    return written


def write_whole(path: Path, parts: Iterable[bytes]) -> None:
    """Writes a file of these parts, compressed where the name ends in .gz.

    It appears under its name only when it is whole; equal parts make an equal file.

    Raises:
        FirstcauseError: the file cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    try:
        with unfinished.open("wb") as raw:
            out: IO[bytes] = raw
            if path.suffix == ".gz":
                # No name and no time in the header: equal events, equal bytes.
                out = gzip.GzipFile(  # type: ignore[assignment]
                    filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=0
                )
            for part in parts:
                out.write(part)
            if out is not raw:
                out.close()
        unfinished.replace(path)
    except OSError as error:
        raise FirstcauseError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
