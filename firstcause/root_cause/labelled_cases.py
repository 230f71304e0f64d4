"""Labelled fault cases on disk: the layout of TrainTicket's folder."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from firstcause.errors import FirstcauseError
from firstcause.log_event import LogEvent, UnreadableLogEvent, parse_timestamp_ms, read_log_event
from firstcause.root_cause.span import Span

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
    """

    name: str
    inject_ms: int
    culprit: str | None
    fault: str
    traits: tuple[str, ...]
    folder: Path

    @property
    def baseline(self) -> str:
        """The day of the fault, by which its baseline is chosen."""
        return datetime.fromtimestamp(self.inject_ms / 1000, UTC).date().isoformat()


def read_cases(folder: Path) -> list[LabelledCase]:
    """The cases that a folder's `cases.json` lists.

    Raises:
        FirstcauseError: there is none, or it is not of this form.
    """
    path = folder / "cases.json"
    try:
        return [_case(folder, row) for row in orjson.loads(path.read_bytes())]
    except OSError as error:
        raise FirstcauseError(
            f"{path} cannot be read ({error.strerror}): name a folder of labelled cases."
        ) from error
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise FirstcauseError(f"{path} is no list of labelled cases: {error!r}.") from error


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
