"""Reads labelled fault cases from disk: `cases.json`, a folder a case, fault-free recordings."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

import orjson

from firstcause.errors import FirstcauseError
from firstcause.events.log_event import (
    LogEvent,
    UnreadableLogEvent,
    parse_timestamp_ms,
    read_log_event,
)
from firstcause.events.span import Span

QUIET: Final = "none"
# Recordings are replayed at any time: no event counts as too far ahead.
_ANY_TIME_MS: Final = 2**52


@dataclass(frozen=True, slots=True)
class LabelledCase:
    """One fault whose culprit is known.

    Attributes:
        inject_ms: when the fault began (event time, ms).
        culprit: the true one; None for a quiet case, in which nothing is wrong.
        fault: its type; "none" for a quiet case.
        traits: what else is known of it, e.g. "silent".
        paths: the ways from the culprit to services that complain, where they are known.
    """

    name: str
    inject_ms: int
    culprit: str | None
    fault: str
    traits: tuple[str, ...]
    folder: Path
    paths: tuple[tuple[str, ...], ...] = ()

    @property
    def baseline(self) -> str:
        """The day of the fault (UTC), by which its fault-free recording is chosen."""
        return datetime.fromtimestamp(self.inject_ms / 1000, UTC).date().isoformat()

    @property
    def recording(self) -> FaultFree | None:
        """The fault-free recording of its day, else the one of any day; None where neither is."""
        for part in (f"-{self.baseline}", ""):
            logs = self.folder.parent / f"baseline_logs{part}.jsonl.gz"
            if logs.exists():
                return FaultFree(logs, self.folder.parent / f"baseline_spans{part}.jsonl.gz")
        return None


class FaultFree(NamedTuple):
    """The files of a fault-free recording; that of spans may be missing."""

    logs: Path
    spans: Path


def read_cases(folder: Path) -> list[LabelledCase]:
    """The cases that a folder's `cases.json` lists, at least one.

    Raises:
        FirstcauseError: there is no such list, it is not of this form, or it is empty.
    """
    path = folder / "cases.json"
    try:
        found = [_case(folder, row) for row in orjson.loads(path.read_bytes())]
    except OSError as error:
        raise FirstcauseError(
            f"{path} cannot be read ({error.strerror}): name a folder of labelled cases."
        ) from error
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise FirstcauseError(f"{path} is no list of labelled cases: {error!r}.") from error
    if not found:
        raise FirstcauseError(f"{path} lists no case: there is nothing to evaluate.")
    return found


def recordings(folder: Path) -> list[FaultFree]:
    """All fault-free recordings of a folder, in the order of their names."""
    return [
        FaultFree(logs, logs.with_name(logs.name.replace("_logs", "_spans", 1)))
        for logs in sorted(folder.glob("baseline_logs*.jsonl.gz"))
    ]


def _case(folder: Path, row: dict[str, Any]) -> LabelledCase:
    inject_ms = parse_timestamp_ms(row["inject_time"])
    if inject_ms is None:
        raise FirstcauseError(f"{row['inject_time']!r} of {row['case']} is no RFC 3339 time.")
    return LabelledCase(
        name=row["case"],
        inject_ms=inject_ms,
        culprit=row["service_name"],
        fault=row["fault"],
        traits=tuple(sorted(name for name, value in row.items() if value is True)),
        folder=folder / row["case"],
        paths=tuple(tuple(path) for path in row.get("paths", ())),
    )


def read_events(path: Path) -> list[LogEvent]:
    """The log events of a JSON Lines file (.gz too); unreadable lines are left out.

    Raises:
        FirstcauseError: the file cannot be read, or nothing in it.
    """
    found = []
    for line in _lines(path):
        try:
            found.append(read_log_event(line, _ANY_TIME_MS))
        except UnreadableLogEvent:
            continue
    if not found:
        raise FirstcauseError(f"{path} has no readable log event.")
    return found


def read_spans(path: Path) -> list[Span]:
    """The spans of a JSON Lines file (.gz too).

    Raises:
        FirstcauseError: the file cannot be read, or a line of it is no span.
    """
    try:
        return [Span(**orjson.loads(line)) for line in _lines(path)]
    except (orjson.JSONDecodeError, TypeError) as error:
        raise FirstcauseError(f"{path} has a line that is no span: {error}.") from error


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            for line in file:
                yield line.rstrip(b"\n")
    except (OSError, EOFError) as error:
        raise FirstcauseError(f"{path} cannot be read: {error}.") from error
