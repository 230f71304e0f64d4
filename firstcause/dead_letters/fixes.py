"""Repairs a dead letter before it is sent again. Pure.

A fix changes only what is wrong; what it cannot mend it leaves alone, and the letter then
stays a dead letter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from firstcause.derived_ids import derived_id
from firstcause.events.log_event import (
    LOG_ID_PATTERN,
    LogEvent,
    UnreadableLogEvent,
    UnreadableReason,
    parse_timestamp_ms,
    read_log_event,
)


@dataclass(frozen=True, slots=True)
class SourcePosition:
    """Where the message lay that became a dead letter: the identity of the letter."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class RepairedLetter:
    """A dead letter as it can be sent again: its bytes, and the event that they now are."""

    value: bytes
    event: LogEvent


def repair(
    value: bytes | None, source: SourcePosition, fixes: Sequence[str], received_ms: int
) -> RepairedLetter:
    """The letter with `fixes` applied in their order; its bytes unchanged when none applies.

    Args:
        value: the original bytes.
        source: where they came from; a new log id is derived from it, so it is always the same.
        fixes: names out of `FIXES`.
        received_ms: now, ms since the epoch; "a day ahead" is counted from it.

    Raises:
        UnreadableLogEvent: it is no log event even so; sending it would only bring it back.
    """
    mended = value
    if value is not None and fixes:
        try:
            fields = orjson.loads(value)
        except orjson.JSONDecodeError:
            fields = None
        if isinstance(fields, dict):
            before = dict(fields)
            for name in fixes:
                FIXES[name](fields, source)
            if fields != before:
                mended = orjson.dumps(fields)
    event = read_log_event(mended, received_ms)
    if mended is None:
        raise UnreadableLogEvent(UnreadableReason.TOMBSTONE)
    return RepairedLetter(mended, event)


def _add_missing_offset(fields: dict[str, Any], _: SourcePosition) -> None:
    """Takes a timestamp without an offset as UTC."""
    timestamp = fields.get("timestamp")
    if isinstance(timestamp, str) and parse_timestamp_ms(timestamp) is None:
        with_offset = f"{timestamp.strip()}Z"
        if parse_timestamp_ms(with_offset) is not None:
            fields["timestamp"] = with_offset


def _default_level(fields: dict[str, Any], _: SourcePosition) -> None:
    """Takes a missing level as INFO."""
    if fields.get("level") is None:
        fields["level"] = "INFO"


def _new_log_id(fields: dict[str, Any], source: SourcePosition) -> None:
    """Gives an event without a valid log id one that is derived from its place in Kafka."""
    if not re.match(LOG_ID_PATTERN, str(fields.get("log_id") or "")):
        fields["log_id"] = str(
            derived_id("dead-letter", source.topic, source.partition, source.offset)
        )


FIXES: Final[dict[str, Callable[[dict[str, Any], SourcePosition], None]]] = {
    "add_missing_offset": _add_missing_offset,
    "default_level": _default_level,
    "new_log_id": _new_log_id,
}
