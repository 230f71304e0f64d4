"""Parses optional fields of a log event; an invalid value is kept as it was sent.

Each function takes a field of parsed JSON, None where it is absent. What can't be read goes as
text into `odd`, under the field's name. Nothing is raised. The Spark expressions
(`spark/records/log_fields.py`) decide alike.
"""

from __future__ import annotations

import math
import re
from typing import Any, Final

from firstcause.events.message_json import END, json_object_in, text_of
from firstcause.events.trace_ids import says_no_id, span_id_of, trace_id_of

INTEGER_PATTERN: Final = rf"^-?[0-9]{{1,9}}{END}"
NUMBER_PATTERN: Final = rf"^-?[0-9]{{1,15}}(\.[0-9]+)?([eE][+-]?[0-9]{{1,2}})?{END}"

_INTEGER = re.compile(INTEGER_PATTERN)
_NUMBER = re.compile(NUMBER_PATTERN)


def read_id(value: Any, name: str, odd: dict[str, str]) -> str | None:
    """The id of a trace (`name` is "trace_id") or of a span, as it is stored."""
    text = text_of(value)
    if not text:
        return None
    found = trace_id_of(text) if name == "trace_id" else span_id_of(text)
    if found is None and not says_no_id(text):
        odd[name] = text
    return found


def read_integer(value: Any, name: str, odd: dict[str, str]) -> int | None:
    """An integer of up to nine digits; text of one counts as well."""
    text = _matching(value, name, _INTEGER, odd)
    return None if text is None else int(text)


def read_number(value: Any, name: str, odd: dict[str, str]) -> float | None:
    """A number; text of one counts as well."""
    text = _matching(value, name, _NUMBER, odd)
    return None if text is None else float(text)


def _matching(value: Any, name: str, pattern: re.Pattern[str], odd: dict[str, str]) -> str | None:
    text = text_of(value)
    if not text or pattern.match(text):
        return text or None
    odd[name] = text
    return None


def read_attributes(value: Any, odd: dict[str, str]) -> dict[str, str]:
    """An object as texts, without its nulls; one that is written in a text counts as well."""
    if value is None or value == "":
        return {}
    found = json_object_in(value) if isinstance(value, str) else value
    if not isinstance(found, dict):
        odd["attributes"] = text_of(value) or ""
        return {}
    if _is_plain(found):
        return found
    texts = {(text_of(key) or ""): _attribute_text(item) for key, item in found.items()}
    return {key: item for key, item in texts.items() if item is not None}


def _is_plain(value: dict[str, Any]) -> bool:
    """True when all keys and values are ASCII text, as nearly always."""
    try:
        return all(map(str.isascii, value)) and all(map(str.isascii, value.values()))
    except TypeError:
        return False


def _attribute_text(item: Any) -> str | None:
    """An attribute's value as text; a number beyond a double alone is unquoted, as Spark has it."""
    if isinstance(item, float) and math.isinf(item):
        return "Infinity" if item > 0 else "-Infinity"
    return text_of(item)
