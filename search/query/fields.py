"""The fields that a query may name, and what kind of value each has. Pure."""

from __future__ import annotations

import difflib
import enum
from dataclasses import dataclass
from typing import Final


class Kind(enum.Enum):
    """How the values of a field are compared."""

    WORDS = "words"
    KEYWORD = "keyword"
    LEVEL = "level"
    INTEGER = "integer"
    NUMBER = "number"
    TIME = "time"
    ATTRIBUTE = "attribute"


@dataclass(frozen=True, slots=True)
class Field:
    """A field by the name that the tree knows; for an attribute that of the attribute."""

    name: str
    kind: Kind


ATTRIBUTE_PREFIX: Final = "attributes."

# Columns that are kept as attributes: people look them up, nobody counts by them.
COLUMNS_AS_ATTRIBUTES: Final = (
    "region",
    "cloud_provider",
    "request_id",
    "user_id",
    "session_id",
    "span_id",
    "parent_span_id",
)

_FIELDS: Final = {
    **{name: Field(name, Kind.WORDS) for name in ("message", "exception", "attributes")},
    **{
        name: Field(name, Kind.KEYWORD)
        for name in ("service", "log_id", "trace_id", "error_code", "logger", "instance")
    },
    "level": Field("level", Kind.LEVEL),
    "status_code": Field("status_code", Kind.INTEGER),
    "latency_ms": Field("latency_ms", Kind.NUMBER),
    "timestamp": Field("timestamp_ms", Kind.TIME),
    **{name: Field(name, Kind.ATTRIBUTE) for name in COLUMNS_AS_ATTRIBUTES},
}

_ALIASES: Final = {
    "service_name": "service",
    "service.name": "service",
    "severity": "level",
    "log.level": "level",
    "status": "status_code",
    "latency": "latency_ms",
    "duration_ms": "latency_ms",
    "@timestamp": "timestamp",
    "time": "timestamp",
    "body": "message",
    "msg": "message",
    "trace": "trace_id",
    "trace.id": "trace_id",
    "id": "log_id",
    "host": "instance",
}

# What a page may offer while somebody types.
FIELD_NAMES: Final = tuple(sorted(_FIELDS))


def field_named(name: str) -> Field | None:
    """The field of this name, in any case; `attributes.NAME` is that attribute; None if unknown."""
    if name.lower().startswith(ATTRIBUTE_PREFIX) and len(name) > len(ATTRIBUTE_PREFIX):
        return Field(name[len(ATTRIBUTE_PREFIX) :], Kind.ATTRIBUTE)
    known = name.lower()
    return _FIELDS.get(_ALIASES.get(known, known))


def unknown_field(name: str) -> str:
    """What to tell somebody who named a field that is not there."""
    near = difflib.get_close_matches(name.lower(), [*_FIELDS, *_ALIASES], n=1, cutoff=0.7)
    if near:
        return f"There is no field {name}: do you mean {near[0]}?"
    return (
        f"There is no field {name}: an attribute is attributes.{name}:…, "
        f'and text with a colon stands in quotes, as "{name}:…".'
    )
