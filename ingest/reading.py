"""From a record's bytes to log events: envelope by envelope, then line by line.

Pure: no clock, no I/O. Whatever the bytes, nothing is raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from firstcause.derived_ids import derived_id
from ingest.decoding import (
    MAX_EVENTS,
    MAX_OBJECTS,
    MAX_RECORD_BYTES,
    TooLargeError,
    TooManyEventsError,
    documents_of,
    unpacked,
    unquoted,
)
from ingest.draft import Draft
from ingest.formats import (
    AUTO,
    BINARY_FORMATS,
    LINE_FORMATS,
    OTLP_PROTO,
    SYSLOG,
    TEXT,
    format_of,
)
from ingest.readers import application, line, otlp, otlp_proto, syslog

# Text in JSON in text and so on: real records have three layers at most.
MAX_LAYERS: Final = 6


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
        spans: its spans, as objects for the topic `spans`.
        reason: why nothing of it could be read; None otherwise.
    """

    format: str
    drafts: list[Draft] = field(default_factory=list)
    spans: list[Mapping[str, Any]] = field(default_factory=list)
    reason: str | None = None


Prepare = Callable[[Mapping[str, Any] | None, Draft], None]


def read_record(
    value: bytes | None, format_name: str, received_ms: int, prepare: Prepare | None = None
) -> Reading:
    """Reads one record.

    Args:
        value: its bytes: JSON (several documents too), text, either of them gzipped, or protobuf.
        format_name: one of `FORMAT_NAMES`; `auto` guesses by the record.
        received_ms: when it arrived, ms since the epoch.
        prepare: called with each document (None for text) and its draft before what is inside is
            read: the place of a mapping.
    """
    if not value or not value.strip():
        return Reading(format_name, reason="tombstone" if value is None else "empty_value")
    if len(value) > MAX_RECORD_BYTES:
        return Reading(format_name, reason="too_large")
    try:
        value = unpacked(value)
    except TooLargeError:
        return Reading(format_name, reason="too_large")
    if format_name in BINARY_FORMATS and value[:1] != b"{":
        return _read_proto(value, format_name)
    return _read_decoded(value, format_name, received_ms, prepare)


def _read_decoded(
    value: bytes, format_name: str, received_ms: int, prepare: Prepare | None
) -> Reading:
    try:
        text = unquoted(value.decode("utf-8"))
    except UnicodeDecodeError:
        return Reading(format_name, reason="not_utf8")
    if text.count("{") > MAX_OBJECTS:
        return Reading(format_name, reason="too_many_events")
    reading = Reading(format_name if format_name != AUTO else TEXT)
    documents = None if format_name in LINE_FORMATS else documents_of(text)
    if documents is None:
        _read_text(text, reading, received_ms, prepare)
        return reading
    if len(documents) > MAX_EVENTS or sum(map(otlp.records_in, documents)) > MAX_EVENTS:
        return Reading(format_name, reason="too_many_events")
    for document in documents:
        if isinstance(document.get("resourceSpans"), list):
            reading.format = "otlp_json"
            reading.spans.append(document)
            continue
        known = format_of(document, format_name)
        reading.format = known.name
        drafts = known.read(document)
        if len(reading.drafts) + len(drafts) > MAX_EVENTS:
            return Reading(known.name, reason="too_many_events")
        if prepare is not None:
            for draft in drafts:
                prepare(document, draft)
        reading.drafts += drafts
    for draft in reading.drafts:
        if not draft.is_piece:
            open_body(draft)
    return reading


def _read_proto(value: bytes, format_name: str) -> Reading:
    reading = Reading(format_name)
    try:
        if format_name == OTLP_PROTO:
            reading.drafts = otlp_proto.read_logs(value)
        else:
            reading.spans += otlp_proto.read_spans(value)
    except otlp_proto.NotOtlpError:
        reading.reason = "not_otlp"
    except TooManyEventsError:
        reading.reason = "too_many_events"
    for draft in reading.drafts:
        open_body(draft)
    return reading


def _read_text(text: str, reading: Reading, received_ms: int, prepare: Prepare | None) -> None:
    if syslog.matches_text(text) and (draft := syslog.read_text(text, received_ms)):
        reading.format = SYSLOG
    else:
        draft = Draft(body=text)
    if prepare is not None:
        prepare(None, draft)
    open_body(draft)
    reading.drafts.append(draft)


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
