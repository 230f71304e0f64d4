"""Reads a file of records as the bridge would read a topic: for `firstcause ingest try`."""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from firstcause.errors import FirstcauseError
from ingest.assembly.assembler import AssembledEvent, PartitionAssembler, Passed
from ingest.formats import FORMAT_NAMES
from ingest.reading import Position, log_id_of, read_record


@dataclass(slots=True)
class Trial:
    """What came of a file's records.

    Attributes:
        formats: how many records were read as which format.
        unreadable: line number (from 1) and reason of each record that could not be read.
        events: how many log events came out.
    """

    formats: Counter[str] = field(default_factory=Counter)
    unreadable: list[tuple[int, str]] = field(default_factory=list)
    events: int = 0


def log_events(
    path: Path, format_name: str, now_ms: int, service: str | None, trial: Trial
) -> Iterator[dict[str, Any]]:
    """The log events of a file with a record a line (`.gz` too), in order.

    Args:
        path: the file.
        format_name: one of `FORMAT_NAMES`.
        now_ms: taken for the time of arrival of all records.
        service: the service of records that name none.
        trial: is filled meanwhile.

    Raises:
        FirstcauseError: an unknown format, or a file that cannot be read.
    """
    if format_name not in FORMAT_NAMES:
        raise FirstcauseError(
            f"There is no format {format_name!r}: it is one of {', '.join(sorted(FORMAT_NAMES))}."
        )
    assembler = PartitionAssembler()
    for number, record in enumerate(_records(path)):
        reading = read_record(record, format_name, now_ms)
        if reading.reason is not None:
            trial.unreadable.append((number + 1, reading.reason))
            continue
        trial.formats[reading.format] += 1
        position = Position(path.name, 0, number)
        # A file has no time of arrival, so nothing is late.
        assembler.add(reading, position, now_ms, 0)
        yield from _finished(assembler.ready(0), service, trial)
    yield from _finished(assembler.flush(), service, trial)


def _finished(
    entries: Iterable[AssembledEvent | Passed], service: str | None, trial: Trial
) -> Iterator[dict[str, Any]]:
    for entry in entries:
        if isinstance(entry, AssembledEvent):
            trial.events += 1
            log_id = log_id_of(entry.draft, entry.position, entry.index)
            yield entry.draft.finished(log_id, entry.received_ms, service)


def _records(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for line in file:
                yield line.rstrip(b"\r\n")
    except OSError as error:
        raise FirstcauseError(f"{path}: cannot be read ({error})") from error
