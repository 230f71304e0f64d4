"""The log event: its fields, and how bytes from the topic are parsed.

Two readers must decide alike what is readable: this one (in the analyzer, in tests) and the
Spark expressions of the store job. An integration test compares them on hostile input.
"""

from __future__ import annotations

import enum
import functools
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from firstcause.events.log_fields import read_attributes, read_id, read_integer, read_number
from firstcause.events.log_level import guessed_level, level_of
from firstcause.events.message_json import BLANKS, END, UnreadableBytes, json_object, text_of

LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")

ERROR_LEVELS: Final = frozenset({"ERROR", "FATAL"})

REQUIRED_FIELDS: Final = ("log_id", "timestamp", "service_name", "level", "message")
# An empty message is a message; an empty level is an odd one.
MAY_BE_EMPTY: Final = frozenset({"level", "message"})
TEXT_FIELDS: Final = (
    "instance",
    "logger",
    "region",
    "cloud_provider",
    "request_id",
    "user_id",
    "session_id",
    "error_code",
    "exception",
)
TRACE_FIELDS: Final = ("trace_id", "span_id", "parent_span_id")

LOG_ID_PATTERN: Final = rf"^[0-9a-fA-F]{{8}}(-[0-9a-fA-F]{{4}}){{3}}-[0-9a-fA-F]{{12}}{END}"
# RFC 3339; years from 1900 on, offsets as they exist on earth: both readers agree on these.
TIMESTAMP_PATTERN: Final = (
    r"^(19|2[0-9])[0-9]{2}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?"
    rf"([Zz]|[+-](0[0-9]|1[0-7]):[0-5][0-9]){END}"
)

# A Cassandra key component ends at 64 KiB, and a name that long is no name.
SERVICE_NAME_MAX_CHARS: Final = 200
FUTURE_LIMIT_MS: Final = 24 * 3600 * 1000

_LOG_ID = re.compile(LOG_ID_PATTERN)
_TIMESTAMP = re.compile(TIMESTAMP_PATTERN)


class UnreadableReason(enum.StrEnum):
    """Why bytes are not a log event: the value of the header `dlq.reason`.

    Checked in this order; the first that applies is the reason. Only what an event can't do
    without is here; any other field that is odd costs itself (see `LogEvent`).
    """

    TOMBSTONE = "tombstone"
    EMPTY_VALUE = "empty_value"
    NOT_UTF8 = "not_utf8"
    NOT_JSON_OBJECT = "not_json_object"
    MISSING_LOG_ID = "missing_log_id"
    MISSING_TIMESTAMP = "missing_timestamp"
    MISSING_SERVICE_NAME = "missing_service_name"
    MISSING_LEVEL = "missing_level"
    MISSING_MESSAGE = "missing_message"
    BAD_LOG_ID = "bad_log_id"
    BAD_TIMESTAMP = "bad_timestamp"
    TIMESTAMP_IN_FUTURE = "timestamp_in_future"
    SERVICE_NAME_TOO_LONG = "service_name_too_long"


class UnreadableLogEvent(ValueError):
    """The bytes are no log event; `reason` says why."""

    def __init__(self, reason: UnreadableReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One log event as stored: normalised level, event time in ms since the epoch (UTC).

    Absent optional fields are None. Text that came as a number, a boolean or nested JSON is
    kept as its JSON text. A level, an id, a number or `attributes` that can't be read as such costs
    the field and not the event: what was sent is kept in `attributes` under the field's name.
    Where the level is odd, `guessed_level` tells it.
    """

    log_id: str
    timestamp_ms: int
    service_name: str
    level: str
    message: str
    instance: str | None = None
    logger: str | None = None
    region: str | None = None
    cloud_provider: str | None = None
    request_id: str | None = None
    user_id: str | None = None
    session_id: str | None = None
    error_code: str | None = None
    exception: str | None = None
    trace_id: str | None = None
    span_id: str | None = None
    parent_span_id: str | None = None
    status_code: int | None = None
    latency_ms: float | None = None
    attributes: dict[str, str] = field(default_factory=dict)

    @property
    def is_error(self) -> bool:
        """True for ERROR and FATAL."""
        return self.level in ERROR_LEVELS


def read_log_event(value: bytes | None, received_ms: int) -> LogEvent:
    """Reads one Kafka message value as a log event.

    Args:
        value: the message's bytes; None is a tombstone.
        received_ms: the Kafka record's own timestamp, ms since the epoch. "A day ahead" is
            counted from it, not from the clock, so that a later reading decides the same.

    Raises:
        UnreadableLogEvent: with the first reason that applies. Nothing else is raised,
            whatever the bytes.
    """
    fields = _json_object(value)
    log_id, timestamp, service_name, level_word, message = _required(fields)
    if not _LOG_ID.match(log_id):
        raise UnreadableLogEvent(UnreadableReason.BAD_LOG_ID)
    timestamp_ms = parse_timestamp_ms(timestamp)
    if timestamp_ms is None:
        raise UnreadableLogEvent(UnreadableReason.BAD_TIMESTAMP)
    if timestamp_ms > received_ms + FUTURE_LIMIT_MS:
        raise UnreadableLogEvent(UnreadableReason.TIMESTAMP_IN_FUTURE)
    service_name = service_name.strip(BLANKS)
    if len(service_name) > SERVICE_NAME_MAX_CHARS:
        raise UnreadableLogEvent(UnreadableReason.SERVICE_NAME_TOO_LONG)
    odd: dict[str, str] = {}
    texts = {name: text_of(fields[name]) for name in TEXT_FIELDS if name in fields}
    level = level_of(level_word)
    if level is None:
        odd["level"] = level_word
        level = guessed_level(level_word, message, texts.get("exception"))
    ids = {name: read_id(fields[name], name, odd) for name in TRACE_FIELDS if name in fields}
    status_code = read_integer(fields.get("status_code"), "status_code", odd)
    latency_ms = read_number(fields.get("latency_ms"), "latency_ms", odd)
    attributes = read_attributes(fields.get("attributes"), odd)
    return LogEvent(
        log_id=log_id.lower(),
        timestamp_ms=timestamp_ms,
        service_name=service_name,
        level=level,
        message=message,
        status_code=status_code,
        latency_ms=latency_ms,
        attributes={**attributes, **odd} if odd else attributes,
        **texts,
        **ids,
    )


def _required(fields: dict[str, Any]) -> list[str]:
    found = []
    for name in REQUIRED_FIELDS:
        text = text_of(fields.get(name))
        if text is None or (name not in MAY_BE_EMPTY and not text.strip(BLANKS)):
            raise UnreadableLogEvent(UnreadableReason(f"missing_{name}"))
        found.append(text)
    return found


def parse_timestamp_ms(text: str) -> int | None:
    """RFC 3339 text with an offset as ms since the epoch (rounded down); None if invalid."""
    match = _TIMESTAMP.fullmatch(text)
    if match is None:
        return None
    fraction, offset = match[2], match[3]
    second_ms = _second_ms(text[:_SECOND_CHARS], offset)
    if second_ms is None or fraction is None:
        return second_ms
    return second_ms + int(fraction[1:4].ljust(3, "0"))


# Events come in order of time, so the same second comes again and again.
@functools.lru_cache(maxsize=4_096)
def _second_ms(second: str, offset: str) -> int | None:
    try:
        moment = datetime.fromisoformat(f"{second}{offset}".upper())
        return (moment - _EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        return None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND_CHARS: Final = len("1970-01-01T00:00:00")


def _json_object(value: bytes | None) -> dict[str, Any]:
    try:
        return json_object(value)
    except UnreadableBytes as error:
        raise UnreadableLogEvent(UnreadableReason(error.fault.value)) from None
