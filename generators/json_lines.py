"""Writing log events to a JSON Lines file."""

from __future__ import annotations

import gzip
from collections.abc import Iterable
from pathlib import Path
from typing import IO

from firstcause.errors import FirstcauseError
from generators.message_batch import MessageBatch


def write_json_lines(path: Path, batches: Iterable[MessageBatch]) -> int:
    """Writes one event a line, compressed where the name ends in .gz; returns the lines written.

    The file appears under its name only when it is whole; equal events make an equal file.

    Raises:
        FirstcauseError: the file cannot be written.
    """
    unfinished = path.with_name(f".{path.name}.unfinished")
    written = 0
    try:
        with unfinished.open("wb") as raw:
            out: IO[bytes] = raw
            if path.suffix == ".gz":
                # No name and no time in the header: equal events, equal bytes.
                out = gzip.GzipFile(  # type: ignore[assignment]
                    filename="", fileobj=raw, mode="wb", compresslevel=6, mtime=0
                )
            for batch in batches:
                if not len(batch):
                    continue
                out.write(b"\n".join(batch.values) + b"\n")
                written += len(batch)
            if out is not raw:
                out.close()
        unfinished.replace(path)
    except OSError as error:
        raise FirstcauseError(f"{path} cannot be written: {error.strerror or error}.") from error
    finally:
        unfinished.unlink(missing_ok=True)
    return written
