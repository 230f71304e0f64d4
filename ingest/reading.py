"""From a record's bytes to log events: envelope by envelope, then line by line.

Pure: no clock, no I/O. Whatever the bytes, nothing is raised.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from firstcause.identity import derived_id
from ingest.draft import Draft
from ingest.readers import (
    application,
    cloudwatch,
    containers,
    google_cloud,
    journald,
    line,
    otlp,
    syslog,
)

# Text in JSON in text and so on: real records have three layers at most.
MAX_LAYERS: Final = 6
MAX_RECORD_BYTES: Final = 8 * 1024 * 1024
MAX_UNPACKED_BYTES: Final = 32 * 1024 * 1024
MAX_DEPTH: Final = 200
MAX_EVENTS: Final = 50_000

ReadEnvelope = Callable[[Mapping[str, Any]], list[Draft]]


def _read_application(document: Mapping[str, Any]) -> list[Draft]:
    draft = Draft(body="")
    application.read(document, draft)
    return [draft]


@dataclass(frozen=True, slots=True)
class Format:
    """A form of JSON records: how it is recognised, and how it is read."""

    name: str
    matches: Callable[[Mapping[str, Any]], bool]
    read: ReadEnvelope


# In the order in which `auto` asks.
FORMATS: Final = (
    Format("otlp_json", otlp.matches, otlp.read),
    Format("cloudwatch", cloudwatch.matches, cloudwatch.read),
    Format("google_cloud", google_cloud.matches, google_cloud.read),
    Format("journald", journald.matches, journald.read),
    Format("gelf", syslog.is_gelf, syslog.read_gelf),
    Format("docker", containers.is_docker, containers.read_docker),
    Format("vector", containers.is_vector, containers.read_container),
    Format("filebeat", containers.is_filebeat, containers.read_container),
    Format("fluent_bit", containers.is_fluent, containers.read_container),
    Format("json", application.matches, _read_application),
)
AUTO: Final = "auto"
TEXT: Final = "text"
SYSLOG: Final = "syslog"
# What people call the loggers whose JSON one reader takes.
LOGGER_FORMATS: Final = frozenset(
    {"json", "ecs", "logstash", "logback", "pino", "bunyan", "zap", "zerolog", "logrus", "winston",
     "clef", "serilog", "structlog", "log4j2", "fluentd"}
)  # fmt: skip
LINE_FORMATS: Final = frozenset({TEXT, SYSLOG, "cri", "logfmt"})
FORMAT_NAMES: Final = frozenset({AUTO, *(known.name for known in FORMATS)}) | (
    LOGGER_FORMATS | LINE_FORMATS
)


@dataclass(frozen=True, slots=True)
class Position:
    """Where a record came from, which is the identity of one that has none of its own."""

    topic: str
    partition: int
    offset: int


@dataclass(slots=True)
class Reading:
    """What a record means.

    Attributes:
        format: the format that it was read as.
        drafts: its events in order; empty where it holds none.
        reason: why nothing of it could be read; None otherwise.
    """

    format: str
    drafts: list[Draft] = field(default_factory=list)
    reason: str | None = None


def read_record(value: bytes | None, format_name: str, received_ms: int) -> Reading:
    """Reads one record.

    Args:
        value: its bytes: JSON (several documents too), text, or either of them gzipped.
        format_name: one of `FORMAT_NAMES`; `auto` guesses by the record.
        received_ms: when it arrived, ms since the epoch.
    """
    if not value or not value.strip():
        return Reading(format_name, reason="tombstone" if value is None else "empty_value")
    if len(value) > MAX_RECORD_BYTES:
        return Reading(format_name, reason="too_large")
    try:
        text = _unpacked(value).decode("utf-8")
    except UnicodeDecodeError:
        return Reading(format_name, reason="not_utf8")
    except _TooLargeError:
        return Reading(format_name, reason="too_large")
    reading = Reading(format_name if format_name != AUTO else TEXT)
    text = _unquoted(text)
    documents = None if format_name in LINE_FORMATS else _documents(text)
    if documents is None:
        return _read_text(text, reading, received_ms)
    for document in documents:
        known = _format_of(document, format_name)
        reading.format = known.name
        reading.drafts += known.read(document)[: MAX_EVENTS - len(reading.drafts)]
    for draft in reading.drafts:
        if not draft.is_piece:
            open_body(draft)
    return reading


def _read_text(text: str, reading: Reading, received_ms: int) -> Reading:
    if syslog.matches_text(text) and (draft := syslog.read_text(text, received_ms)):
        reading.format = SYSLOG
    else:
        draft = Draft(body=text)
    open_body(draft)
    reading.drafts.append(draft)
    return reading


def open_body(draft: Draft) -> None:
    """Reads what is inside of a draft's body, layer by layer, until a text for people is left."""
    for _ in range(MAX_LAYERS):
        if isinstance(draft.body, Mapping):
            application.read(draft.body, draft)
        elif isinstance(draft.body, str):
            if not line.read(draft):
                if isinstance(draft.body, str):
                    return
            elif draft.is_piece:
                return
        else:
            return


def finished_events(
    reading: Reading, position: Position, received_ms: int, default_service: str | None = None
) -> Iterator[dict[str, Any]]:
    """The log events of a reading, each with an id that is the same whenever it is read again."""
    for index, draft in enumerate(reading.drafts):
        yield draft.finished(log_id_of(draft, position, index), received_ms, default_service)


def log_id_of(draft: Draft, position: Position, index: int) -> str:
    """The event's id: its own, else one derived from the source's id, else from its place."""
    if draft.log_id is not None:
        return draft.log_id
    if draft.identity is not None:
        return str(derived_id("ingested", *draft.identity))
    return str(derived_id("ingested", position.topic, position.partition, position.offset, index))


class _TooLargeError(Exception):
    """What was packed is larger than what is read."""


def _unpacked(value: bytes) -> bytes:
    """The bytes themselves, or what is gzipped in them (also within base64, as Kinesis has it)."""
    if value[:4] == b"H4sI":
        try:
            value = base64.b64decode(value, validate=True)
        except binascii.Error:
            return value
    if value[:2] != b"\x1f\x8b":
        return value
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(value, MAX_UNPACKED_BYTES)
    except zlib.error:
        return value
    if unpacker.unconsumed_tail:
        raise _TooLargeError
    return unpacked


def _unquoted(text: str) -> str:
    """What a JSON string holds, where a record is nothing but one; else the text."""
    stripped = text.strip()
    if not (stripped.startswith('"') and stripped.endswith('"')):
        return text
    try:
        inner = orjson.loads(stripped)
    except orjson.JSONDecodeError:
        return text
    return inner if isinstance(inner, str) and inner.strip() else text


def _documents(text: str) -> list[Mapping[str, Any]] | None:
    """The JSON objects that a text is made of, side by side or in a list; None when it is none."""
    stripped = text.strip()
    if stripped[:1] not in ("{", "["):
        return None
    try:
        parsed = orjson.loads(stripped)
    except orjson.JSONDecodeError:
        parsed = _side_by_side(stripped)
    documents = parsed if isinstance(parsed, list) else [parsed]
    if not documents or not all(isinstance(item, dict) and item for item in documents):
        return None
    return documents


def _side_by_side(text: str) -> list[Any] | None:
    """Documents without a line break between them; also numbers such as NaN that are no JSON."""
    if text.count("{") > MAX_RECORD_BYTES // 64 or _depth_exceeds(text):
        return None
    decoder = json.JSONDecoder()
    found, position = [], 0
    while position < len(text):
        try:
            document, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            return None
        found.append(document)
        while position < len(text) and text[position] in " \t\r\n":
            position += 1
    return found


def _depth_exceeds(text: str) -> bool:
    depth = 0
    for character in text:
        if character in "{[":
            depth += 1
            if depth > MAX_DEPTH:
                return True
        elif character in "}]":
            depth -= 1
    return False


def _format_of(document: Mapping[str, Any], format_name: str) -> Format:
    for known in FORMATS:
        if known.name == format_name or (format_name == AUTO and known.matches(document)):
            return known
    # A logger's JSON, or an object that looks like nothing known: its fields are read all the same.
    return FORMATS[-1]
