"""A log event while it is being read: what each layer of a record has told so far."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo
from typing import Any, Final

from firstcause.events.message_json import text_of
from ingest.fields.levels import Numbers, guessed_level, level_of, without_colours
from ingest.fields.lookup import MAX_PATH_CHARS, flattened
from ingest.fields.services import UNKNOWN_SERVICE
from ingest.fields.timestamps import SourceTime, is_plausible, parse_time, rfc3339
from ingest.fields.traces import span_id_of, trace_id_of

# Marks on an event whose level or time is no statement of the source.
LEVEL_GUESSED: Final = "level.guessed"
TIME_OF_ARRIVAL: Final = "time.of_arrival"

MAX_ATTRIBUTES: Final = 100
MAX_ATTRIBUTE_CHARS: Final = 4_096
MAX_SERVICE_CHARS: Final = 200
MAX_TEXT_CHARS: Final = 200_000
MAX_STATUS_CODE: Final = 999_999_999
MAX_LATENCY_MS: Final = 1e15


@dataclass(slots=True)
class Draft:
    """What is known of an event. Layers are read from the outside in, and the inner one wins.

    Attributes:
        body: what is to be read next: text, or a JSON object. When reading ends it is the
            message.
        is_raw_line: the body is a line as it was written, so time and level may lead it; False
            where it is the text of a logger that told both beside it.
        identity: what the source calls the record, when that is the same for a second delivery.
        fields: fields of the log event by name: service_name, instance, logger and so on.
        odd: what could not be read as what it should be, by the source's name of it.
        stream: which container and output the line came from: pieces of one line share it.
        is_piece: more of the same line follows in the next record of the stream.
        line: the line as its container wrote it, before a time and a level in front were read.
        zone: of times that tell none.
        pinned: fields of the log event that the mapping file decided; layers do not change them.
        log_id: the event's id, where the record is a log event of ours already.
    """

    body: Any
    is_raw_line: bool = True
    identity: tuple[str, ...] | None = None
    time: SourceTime | None = None
    level: str | None = None
    fields: dict[str, Any] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)
    odd: dict[str, str] = field(default_factory=dict)
    stream: str | None = None
    is_piece: bool = False
    line: str | None = None
    zone: tzinfo = UTC
    pinned: frozenset[str] = frozenset()
    log_id: str | None = None

    def take_time(self, name: str, value: Any) -> None:
        """Takes a time; one without a zone only where there is none yet."""
        if "time" in self.pinned:
            return
        time = parse_time(value, self.zone)
        if time is None:
            if value not in (None, "", 0, "0"):
                self.keep_odd(name, value)
            return
        if time.has_zone or self.time is None or not self.time.has_zone:
            self.time = time

    def take_level(self, name: str, value: Any, numbers: Numbers = Numbers.LOGGER) -> None:
        """Takes a level; a word or number that means none is kept as odd."""
        if "level" in self.pinned:
            return
        level = level_of(value, numbers)
        if level is not None:
            self.level = level
        elif value not in (None, ""):
            self.keep_odd(name, value)

    def take(self, name: str, value: Any) -> None:
        """Takes a text field of the log event, unless it is empty."""
        text = text_of(value)
        if text is not None and text.strip() and name not in self.pinned:
            self.fields[name] = text.strip()

    def take_trace(self, name: str, source_name: str, value: Any) -> None:
        """Takes `trace_id`, `span_id` or `parent_span_id`; an odd one costs only the field."""
        taken = trace_id_of(value) if name == "trace_id" else span_id_of(value)
        if name in self.pinned:
            return
        if taken is not None:
            self.fields[name] = taken
        elif value is not None and str(value).strip("0- "):
            self.keep_odd(source_name, value)

    def take_number(self, name: str, source_name: str, value: Any, factor: float = 1.0) -> None:
        """Takes `status_code` (an integer) or `latency_ms` (times `factor`)."""
        number = _number(value)
        if number is None:
            if value not in (None, ""):
                self.keep_odd(source_name, value)
        elif name == "status_code":
            if number.is_integer() and abs(number) <= MAX_STATUS_CODE:
                self.fields[name] = int(number)
            else:
                self.keep_odd(source_name, value)
        elif abs(number * factor) < MAX_LATENCY_MS:
            self.fields[name] = number * factor
        else:
            self.keep_odd(source_name, value)

    def keep(self, document: Mapping[str, Any], used: frozenset[str] | set[str]) -> None:
        """Keeps all leaves of an object as attributes, except the paths that were used."""
        for path, value in flattened(document):
            if path in used or any(path.startswith(f"{prefix}.") for prefix in used):
                continue
            if len(self.attributes) >= MAX_ATTRIBUTES:
                self.attributes["attributes.cut"] = "true"
                return
            text = text_of(value)
            if text:
                self.attributes[path[:MAX_PATH_CHARS]] = text[:MAX_ATTRIBUTE_CHARS]

    def keep_odd(self, name: str, value: Any) -> None:
        """Keeps what could not be read under its own name, so that nothing of it is lost."""
        self.odd[name] = (text_of(value) or "")[:MAX_ATTRIBUTE_CHARS]

    def finished(
        self, log_id: str, received_ms: int, default_service: str | None
    ) -> dict[str, Any]:
        """The log event as the JSON object that goes to the topic `logs`.

        Args:
            log_id: the event's identity.
            received_ms: when the record arrived, ms since the epoch: the time of an event whose
                source tells none that can be.
            default_service: the service of a record that names none.
        """
        attributes = {**self.attributes, **self.odd}
        message = self.body if isinstance(self.body, str) else text_of(self.body) or ""
        message = without_colours(message).strip("\r\n").removeprefix(" ")
        exception = self.fields.get("exception")
        if not message.strip():
            message = (exception or "").strip().split("\n", 1)[0] or "(no message)"
        level = self.level
        if level is None:
            level = guessed_level(f"{message}\n{exception or ''}")
            attributes[LEVEL_GUESSED] = "true"
        time_ms = self.time.epoch_ms if self.time else received_ms
        if self.time is None or not is_plausible(time_ms, received_ms):
            if self.time is not None:
                attributes["time"] = str(self.time.epoch_ms)
            attributes[TIME_OF_ARRIVAL] = "true"
            time_ms = received_ms
        service = self.fields.get("service_name") or default_service or UNKNOWN_SERVICE
        event = {
            "log_id": log_id,
            "timestamp": rfc3339(time_ms),
            "level": level,
            "message": _cut(message),
            **self.fields,
            "service_name": service[:MAX_SERVICE_CHARS],
        }
        if exception:
            event["exception"] = _cut(exception)
        if attributes:
            event["attributes"] = attributes
        return event


def _cut(text: str) -> str:
    if len(text) <= MAX_TEXT_CHARS:
        return text
    return f"{text[:MAX_TEXT_CHARS]}... (cut, {len(text)} characters)"


def _number(value: Any) -> float | None:
    if isinstance(value, str):
        try:
            value = float(value.strip())
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None
