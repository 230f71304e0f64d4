"""Replays JSON Lines files byte for byte, unreadable lines included."""

from __future__ import annotations

import gzip
import re
import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Any, Final

import numpy as np
import orjson

from firstcause.errors import FirstcauseError
from firstcause.events.log_event import ERROR_LEVELS, SERVICE_NAME_MAX_CHARS, parse_timestamp_ms
from firstcause.events.log_level import level_of
from generators.output.message_batch import MessageBatch, paced

LINES_PER_BATCH: Final = 2_000
# Record overhead (offsets, key, headers) beside a value, as Kafka counts a message's size.
MESSAGE_OVERHEAD_BYTES: Final = 512

_TIMESTAMP_FIELD: Final = re.compile(rb'("timestamp"\s*:\s*")([^"\\]*)"')
_DATE_AND_TIME: Final = re.compile(r"^(.{19})(.*?)([Zz]|[+-][0-9]{2}:[0-9]{2})$")


@dataclass(frozen=True, slots=True)
class ReplayOptions:
    """How files are sent.

    Attributes:
        speed: times real time, by the events' timestamps; None is as fast as Kafka takes them.
        shift_to_now: moves all timestamps by one offset of whole seconds, so that each event
            is sent about when it says it happened; the last one, where there is no pace.
        max_value_bytes: a longer line is an error, because Kafka would refuse it.
    """

    speed: float | None = None
    shift_to_now: bool = False
    max_value_bytes: int = 2 * 1024 * 1024

    def __post_init__(self) -> None:
        if self.speed is not None and not self.speed > 0:
            raise FirstcauseError("The speed must be over 0, or max.")


@dataclass(slots=True)
class ReplayCounts:
    """What was met while files were read; grows as `Replay.batches` goes on."""

    lines: int = 0
    blank_lines: int = 0
    # Sent like any other, without a key.
    lines_without_service: int = 0
    first_error_ms: int | None = None


class Replay:
    """Files on their way to a topic.

    Raises (from the constructor):
        FirstcauseError: a file is missing, a folder, or may not be read.
    """

    def __init__(self, paths: Sequence[Path], options: ReplayOptions) -> None:
        self.counts = ReplayCounts()
        self._paths = list(paths)
        self._options = options
        for path in self._paths:
            if not path.is_file():
                raise FirstcauseError(f"There is no file {path}.")
        self.total_bytes = sum(path.stat().st_size for path in self._paths)

    def batches(self, on_bytes_read: Callable[[int], None] | None = None) -> Iterator[MessageBatch]:
        """Yields the lines of all files in their order, a file after the other.

        Lines keep their order in the file even where their timestamps do not; each file is
        paced from its own first timestamp. `on_bytes_read` gets how many bytes of the files,
        as they lie on the disk, are read so far.

        Raises:
            FirstcauseError: a broken gzip file, or a line that is too long for Kafka.
        """
        shift = self._shift() if self._options.shift_to_now else timedelta(0)
        before = 0
        for path in self._paths:

            def report(position: int, before: int = before) -> None:
                if on_bytes_read is not None:
                    on_bytes_read(before + position)

            batches = self._file(path, shift, report)
            speed = self._options.speed
            yield from batches if speed is None else paced(batches, speed=speed)
            before += path.stat().st_size

    def _file(
        self, path: Path, shift: timedelta, report: Callable[[int], None]
    ) -> Iterator[MessageBatch]:
        reader = _LineReader(self.counts, shift)
        for number, (line, position) in enumerate(_lines(path), start=1):
            if not line.strip():
                self.counts.blank_lines += 1
                continue
            if len(line) > self._options.max_value_bytes - MESSAGE_OVERHEAD_BYTES:
                raise FirstcauseError(
                    f"{path}:{number}: the line has {len(line)} bytes, more than Kafka takes: "
                    "raise KAFKA_MAX_MESSAGE_BYTES and the topic's max.message.bytes."
                )
            reader.add(line)
            if len(reader) >= LINES_PER_BATCH:
                report(position)
                yield reader.take()
        if len(reader):
            yield reader.take()
        report(path.stat().st_size)

    def _shift(self) -> timedelta:
        """Whole seconds that move the last event to the moment at which it will be sent."""
        times = [
            ms
            for path in self._paths
            for line, _ in _lines(path)
            if (ms := _event_time_ms(_fields(line))) is not None
        ]
        if not times:
            return timedelta(0)
        span = 0.0 if self._options.speed is None else (max(times) - min(times)) / 1000
        target = time.time() + span / (self._options.speed or 1.0)
        return timedelta(seconds=int(target - max(times) / 1000))


class _LineReader:
    """Collects lines to a batch."""

    def __init__(self, counts: ReplayCounts, shift: timedelta) -> None:
        self._counts = counts
        self._shift = shift
        self._latest_us = 0
        self._clear()

    def __len__(self) -> int:
        return len(self._values)

    def add(self, line: bytes) -> None:
        """Takes one line, with its timestamp moved where that is wanted and possible."""
        self._counts.lines += 1
        fields = _fields(line)
        key = _key(fields)
        if key is None:
            self._counts.lines_without_service += 1
        if self._shift:
            line, fields = _moved(line, fields, self._shift)
        time_ms = _event_time_ms(fields)
        level = level_of(str(fields.get("level")))
        is_error = level in ERROR_LEVELS
        if time_ms is not None:
            # A line that is late goes right behind its predecessor.
            self._latest_us = max(self._latest_us, time_ms * 1000)
            if is_error and self._counts.first_error_ms is None:
                self._counts.first_error_ms = time_ms
        self._keys.append(key)
        self._values.append(line)
        self._times_us.append(self._latest_us)
        self._errors.append(is_error)

    def take(self) -> MessageBatch:
        """The lines so far, as a batch; begins a new one."""
        batch = MessageBatch(
            self._keys,
            self._values,
            np.array(self._times_us, dtype=np.int64),
            np.array(self._errors, dtype=np.bool_),
        )
        self._clear()
        return batch

    def _clear(self) -> None:
        self._keys: list[bytes | None] = []
        self._values: list[bytes] = []
        self._times_us: list[int] = []
        self._errors: list[bool] = []


def _lines(path: Path) -> Iterator[tuple[bytes, int]]:
    """Each line without its line feed, and the position in the file as it lies on the disk."""
    try:
        with path.open("rb") as raw:
            opened: IO[bytes] = raw
            if path.suffix == ".gz":
                opened = gzip.GzipFile(fileobj=raw)  # type: ignore[assignment]
            for line in opened:
                yield line.removesuffix(b"\n"), raw.tell() if opened is not raw else 0
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise FirstcauseError(f"{path} is a broken gzip file: {error}.") from error
    except OSError as error:
        raise FirstcauseError(f"{path} cannot be read: {error.strerror or error}.") from error


def _fields(line: bytes) -> dict[str, Any]:
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError:
        return {}
    return fields if isinstance(fields, dict) else {}


def _key(fields: dict[str, Any]) -> bytes | None:
    name = fields.get("service_name")
    if not isinstance(name, str) or not 0 < len(name.strip()) <= SERVICE_NAME_MAX_CHARS:
        return None
    return name.strip().encode("utf-8", "replace")


def _event_time_ms(fields: dict[str, Any]) -> int | None:
    text = fields.get("timestamp")
    return parse_timestamp_ms(text) if isinstance(text, str) else None


def _moved(line: bytes, fields: dict[str, Any], shift: timedelta) -> tuple[bytes, dict[str, Any]]:
    """The line with its timestamp moved; fraction, offset and all else stay as they are."""
    text = fields.get("timestamp")
    if not isinstance(text, str) or parse_timestamp_ms(text) is None:
        return line, fields
    parts = _DATE_AND_TIME.match(text)
    if parts is None:
        return line, fields
    try:
        moment = datetime.fromisoformat(parts[1].upper()).replace(tzinfo=UTC) + shift
    except OverflowError:
        return line, fields
    moved = f"{moment:%Y-%m-%dT%H:%M:%S}{parts[2]}{parts[3]}"
    old, new = text.encode(), moved.encode()
    moved_line = _TIMESTAMP_FIELD.sub(
        lambda found: found[1] + new + b'"' if found[2] == old else found[0], line
    )
    fields["timestamp"] = moved
    # A timestamp written with escapes is none that the pattern knows.
    return (orjson.dumps(fields) if moved_line == line else moved_line), fields
