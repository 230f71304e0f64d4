"""Parses the bytes of a Kafka message as a JSON object exactly as Spark does."""

from __future__ import annotations

import enum
import json
import math
from typing import Any, Final

import orjson

# What is trimmed; Python and Spark know these four alike.
BLANKS: Final = " \t\r\n"


class BytesFault(enum.StrEnum):
    """Why bytes are no JSON object. Checked in this order."""

    TOMBSTONE = "tombstone"
    EMPTY_VALUE = "empty_value"
    NOT_UTF8 = "not_utf8"
    NOT_JSON_OBJECT = "not_json_object"


class UnreadableBytes(ValueError):
    """The bytes are no JSON object; `fault` says why."""

    def __init__(self, fault: BytesFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


def json_object(value: bytes | None) -> dict[str, Any]:
    """The JSON object that a message value is; None is a tombstone.

    Raises:
        UnreadableBytes: it is none. Nothing else is raised, whatever the bytes.
    """
    if value is None:
        raise UnreadableBytes(BytesFault.TOMBSTONE)
    if not value:
        raise UnreadableBytes(BytesFault.EMPTY_VALUE)
    try:
        parsed = orjson.loads(value)
    except orjson.JSONDecodeError:
        parsed = _lenient_json(value)
    if not isinstance(parsed, dict):
        raise UnreadableBytes(BytesFault.NOT_JSON_OBJECT)
    return parsed


def _lenient_json(value: bytes) -> Any:
    """Second opinion for what orjson refuses and Spark takes: lone surrogates, huge numbers."""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableBytes(BytesFault.NOT_UTF8) from None

    def refuse(_: str) -> Any:
        raise UnreadableBytes(BytesFault.NOT_JSON_OBJECT)

    try:
        return json.loads(text, parse_constant=refuse)
    except (ValueError, RecursionError):
        raise UnreadableBytes(BytesFault.NOT_JSON_OBJECT) from None


def text_of(value: Any) -> str | None:
    """Parsed JSON as text: a string as it is, anything else as its JSON text, None for null."""
    if isinstance(value, str) and value.isascii():
        return value
    if value is None:
        return None
    # What json.dumps makes of numbers, without its cost.
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        return repr(value)
    text = (
        value
        if isinstance(value, str)
        else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    )
    # A lone surrogate is no text that any store takes.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
