"""Parses the bytes of a Kafka message as a JSON object exactly as Spark does."""

from __future__ import annotations

import enum
import functools
import json
import math
import re
import sys
from collections.abc import Callable
from typing import Any, Final, TypeVar

import orjson

# What is trimmed; Python and Spark know these four alike.
BLANKS: Final = " \t\r\n"

# The end of a text in a pattern for Python and Java. `$` matches before a line terminator too, and
# each language knows other ones; \Z is not the same in both.
END: Final = r"(?![\s\S])"

# Beyond these Jackson 2.15, Spark's parser, refuses a document (`StreamReadConstraints`). Spark
# reads each message inside of an array, which takes one of Jackson's thousand levels.
DEPTH_MAX: Final = 999
NUMBER_MAX_DIGITS: Final = 1_000

# Enough for such a depth, and for the stack of whoever reads.
RECURSION_LIMIT: Final = 5 * DEPTH_MAX

_T = TypeVar("_T")
_R = TypeVar("_R")

_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)

# orjson reads an integer of more than 64 bits as a float, and so loses digits. A float rounds.
_FLOAT_OF_LOST_DIGITS: Final = 9e18
_LONG_INTEGER = re.compile(rb"[0-9]{19}")
_ENDLESS_DIGITS = re.compile(rb"[0-9]{300}")
_STRING_OR_NUMBER = re.compile(rb'"(?:[^"\\]|\\.)*"|-?[0-9][-+.0-9eE]*', re.DOTALL)
_STRING_OR_BRACKET = re.compile(rb'"(?:[^"\\]|\\.)*"|[][{}]', re.DOTALL)


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
        UnreadableBytes: it is not a JSON object. Nothing else is raised, for any bytes.
    """
    if value is None:
        raise UnreadableBytes(BytesFault.TOMBSTONE)
    if not value:
        raise UnreadableBytes(BytesFault.EMPTY_VALUE)
    try:
        parsed = orjson.loads(value)
        exact = not _may_have_lost_digits(parsed) or _LONG_INTEGER.search(value) is None
    except orjson.JSONDecodeError:
        exact = False
    if not exact:
        parsed = _lenient_json(value)
    if not isinstance(parsed, dict) or _is_beyond_limits(value):
        raise UnreadableBytes(BytesFault.NOT_JSON_OBJECT)
    return parsed


def json_object_in(text: str) -> dict[str, Any] | None:
    """The JSON object in `text`; None if `text` is not one. Raises nothing."""
    try:
        return json_object(text.encode("utf-8", "surrogatepass"))
    except UnreadableBytes:
        return None


def text_of(value: Any) -> str | None:
    """Parsed JSON as text: a string as it is, anything else as its JSON text, None for null."""
    if isinstance(value, str) and value.isascii():
        return value
    if value is None:
        return None
    # What json.dumps makes of numbers, without its cost.
    if type(value) is int or (type(value) is float and math.isfinite(value)):
        return repr(value)
    text = value if isinstance(value, str) else _dumped(value)
    # A lone surrogate is no text that any store takes.
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def _dumped(value: Any) -> str:
    try:
        return _with_depth(_COMPACT.encode, value)
    except ValueError:
        return _with_depth(_COMPACT.encode, _with_depth(_quoted_infinities, value))


def _quoted_infinities(value: Any) -> Any:
    """A number beyond a double, such as 1e999, as the text that Jackson makes of it; NaN too."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, dict):
        return {key: _quoted_infinities(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_quoted_infinities(item) for item in value]
    return value


def _lenient_json(value: bytes) -> Any:
    """Second opinion for what orjson refuses and Spark takes: lone surrogates, huge numbers."""
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        raise UnreadableBytes(BytesFault.NOT_UTF8) from None

    def refuse(_: str) -> Any:
        raise UnreadableBytes(BytesFault.NOT_JSON_OBJECT)

    try:
        return _with_depth(functools.partial(json.loads, parse_constant=refuse), text)
    except (ValueError, RecursionError):
        raise UnreadableBytes(BytesFault.NOT_JSON_OBJECT) from None


def _with_depth(function: Callable[[_T], _R], argument: _T) -> _R:
    """Calls `function`; again with a deeper stack, which then stays, when it ran out of it."""
    try:
        return function(argument)
    except RecursionError:
        sys.setrecursionlimit(max(sys.getrecursionlimit(), RECURSION_LIMIT))
        return function(argument)


def _may_have_lost_digits(parsed: Any) -> bool:
    return isinstance(parsed, dict) and any(
        abs(item) >= _FLOAT_OF_LOST_DIGITS if type(item) is float else isinstance(item, dict | list)
        for item in parsed.values()
    )


def _is_beyond_limits(value: bytes) -> bool:
    """Whether Spark's parser refuses the depth or a number of this JSON."""
    if value.count(b"{") + value.count(b"[") > DEPTH_MAX and _depth(value) > DEPTH_MAX:
        return True
    return len(value) > NUMBER_MAX_DIGITS and _has_endless_number(value)


def _depth(value: bytes) -> int:
    depth = deepest = 0
    for token in _STRING_OR_BRACKET.findall(value):
        if token in (b"{", b"["):
            depth += 1
            deepest = max(deepest, depth)
        elif token in (b"}", b"]"):
            depth -= 1
    return deepest


def _has_endless_number(value: bytes) -> bool:
    if _ENDLESS_DIGITS.search(value) is None:
        return False
    return any(
        not token.startswith(b'"') and _digits(token) > NUMBER_MAX_DIGITS
        for token in _STRING_OR_NUMBER.findall(value)
    )


def _digits(number: bytes) -> int:
    return sum(number.count(digit) for digit in b"0123456789")
