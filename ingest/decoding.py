"""From bytes to JSON documents or text: what is packed, quoted or side by side is taken apart."""

from __future__ import annotations

import base64
import binascii
import json
import math
import zlib
from collections.abc import Mapping
from typing import Any, Final

import orjson

MAX_RECORD_BYTES: Final = 8 * 1024 * 1024
MAX_UNPACKED_BYTES: Final = 16 * 1024 * 1024
# Of one record. An exporter's batch has some thousands.
MAX_EVENTS: Final = 50_000
# A parsed object takes thirty times the bytes of `{}`.
MAX_OBJECTS: Final = 500_000
MAX_DEPTH: Final = 200
MAX_INTEGER: Final = 2**63
MAX_INTEGER_DIGITS: Final = 400


class TooLargeError(Exception):
    """What was packed is larger than what is read."""


class TooManyEventsError(Exception):
    """A record holds more events or spans than are read of one."""


def unpacked(value: bytes) -> bytes:
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
        raise TooLargeError
    return unpacked


def unquoted(text: str) -> str:
    """What a JSON string holds, where a record is nothing but one; else the text."""
    stripped = text.strip()
    if not (stripped.startswith('"') and stripped.endswith('"')):
        return text
    try:
        inner = orjson.loads(stripped)
    except orjson.JSONDecodeError:
        return text
    return inner if isinstance(inner, str) and inner.strip() else text


def documents_of(text: str) -> list[Mapping[str, Any]] | None:
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
        found.append(_storable(document))
        while position < len(text) and text[position] in " \t\r\n":
            position += 1
    return found


def _storable(value: Any) -> Any:
    """Parsed JSON without what no store takes: lone surrogates, NaN, integers over 64 bits."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, dict):
        return {_storable(key): _storable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_storable(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= MAX_INTEGER:
        return str(value)[:MAX_INTEGER_DIGITS]
    return value


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
