"""From consumed records to the messages that one transaction writes. No I/O."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from firstcause.dead_letters import headers as dead_letter
from firstcause.events.message_json import text_of
from ingest import mapping
from ingest.assembly.assembler import AssembledEvent, PartitionAssembler
from ingest.bridge import metrics
from ingest.draft import LEVEL_GUESSED
from ingest.reading import Position, log_id_of, read_record
from ingest.sources import Source

CONSUMER: Final = "ingest"
# A sender's identity of a record, which a retry repeats: see `ingest.http`.
IDENTITY_HEADER: Final = "ingest.identity"
Headers = list[tuple[str, str | bytes | None]]


@dataclass(frozen=True, slots=True)
class Record:
    """A consumed record; `received_ms` is Kafka's own timestamp of it."""

    position: Position
    key: bytes | None
    value: bytes | None
    headers: Headers
    received_ms: int


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to write."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers | None = None


@dataclass(frozen=True, slots=True)
class OutgoingTopics:
    """Where messages go, and how large one may be."""

    logs: str
    spans: str
    dead_letters: str
    max_message_bytes: int


@dataclass(slots=True)
class PartitionConverter:
    """Converts the records of one partition, in order; holds lines that may go on."""

    source: Source
    topics: OutgoingTopics
    next_offset: int | None = None
    _assembler: PartitionAssembler = field(default_factory=PartitionAssembler)

    def take(self, record: Record, now_ms: int) -> None:
        """Takes one record. Raises nothing, whatever its bytes."""
        position = record.position
        self.next_offset = position.offset + 1
        reading = read_record(
            record.value,
            self.source.format,
            record.received_ms,
            lambda document, draft: mapping.apply(self.source, document, draft),
        )
        metrics.RECORDS.labels(position.topic, reading.format).inc()
        if reading.reason is not None:
            letter = self._dead_letter(record, reading.reason)
            self._assembler.pass_through(position, letter, now_ms)
            return
        for span in reading.spans:
            self._assembler.pass_through(position, self._span(span), now_ms)
        if identity := _sent_identity(record):
            for index, draft in enumerate(reading.drafts):
                draft.identity = draft.identity or ("sent", identity, str(index))
        self._assembler.add(reading, position, record.received_ms, now_ms)
        if not reading.drafts and not reading.spans:
            self._assembler.pass_through(position, None, now_ms)

    def ready(self, now_ms: int) -> Iterator[Outgoing]:
        """The messages of all that is whole by now."""
        for entry in self._assembler.ready(now_ms):
            if isinstance(entry, AssembledEvent):
                yield self._event(entry)
            elif entry.item is not None:
                yield entry.item

    def committable_offset(self) -> int | None:
        """The offset up to which all is written once `ready` was written; None before any."""
        held = self._assembler.first_held_offset()
        return self.next_offset if held is None else held

    def held(self) -> int:
        """How many entries wait."""
        return len(self._assembler)

    def _event(self, entry: AssembledEvent) -> Outgoing:
        draft, position = entry.draft, entry.position
        log_id = log_id_of(draft, position, entry.index)
        event = draft.finished(log_id, entry.received_ms, self.source.service)
        value = orjson.dumps(event)
        metrics.EVENTS.labels(position.topic).inc()
        if draft.odd:
            metrics.ODD_FIELDS.labels(position.topic).inc(len(draft.odd))
        if LEVEL_GUESSED in event.get("attributes", ()):
            metrics.GUESSED_LEVELS.labels(position.topic).inc()
        if len(value) > self.topics.max_message_bytes:
            record = Record(position, None, value, [], entry.received_ms)
            return self._dead_letter(record, "too_large")
        return Outgoing(self.topics.logs, event["service_name"].encode("utf-8", "replace"), value)

    def _span(self, span: Any) -> Outgoing:
        metrics.SPANS.labels(self.source.topic).inc()
        trace_id = text_of(span.get("trace_id"))
        key = trace_id.encode("utf-8", "replace") if trace_id else None
        return Outgoing(self.topics.spans, key, orjson.dumps(span))

    def _dead_letter(self, record: Record, reason: str) -> Outgoing:
        metrics.DEAD_LETTERS.labels(record.position.topic, reason).inc()
        headers = [pair for pair in record.headers if pair[0] not in dead_letter.HEADERS]
        headers += [
            (dead_letter.REASON, reason),
            (dead_letter.TOPIC, record.position.topic),
            (dead_letter.PARTITION, str(record.position.partition)),
            (dead_letter.OFFSET, str(record.position.offset)),
            (dead_letter.CONSUMER, CONSUMER),
        ]
        return Outgoing(self.topics.dead_letters, record.key, record.value, headers)


def _sent_identity(record: Record) -> str | None:
    for name, value in record.headers:
        if name == IDENTITY_HEADER and value:
            return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
    return None
