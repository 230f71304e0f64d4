"""Tests the bytes of a message cheaply: true only if it is certainly no error."""

from __future__ import annotations

from typing import Final

from firstcause.events.log_event import ERROR_LEVELS
from firstcause.events.log_level import LEVEL_ALIASES

_KEY: Final = b'"level"'
_KEY_BYTES: Final = len(_KEY)

# Whole words, since a word that nobody knows may stand for an error.
_QUIET_VALUES: Final = frozenset(
    f'"{spelled}"'.encode()
    for word, level in LEVEL_ALIASES.items()
    if level not in ERROR_LEVELS
    for spelled in (word, word.lower(), word.title())
)
_VALUE_MAX_BYTES: Final = max(map(len, _QUIET_VALUES))


def surely_not_error(value: bytes) -> bool:
    r"""True only when `value` can't be read as an ERROR or FATAL event; False says nothing.

    Why it loses none: a JSON object's own key "level" is written as those seven bytes, unless
    a \u escape hides a letter of it. So with no \u in the message and "level" in it once, that
    one place is the only one that could set the level, and there stands a word for a quiet one. A
    key inside `attributes` with no level outside is no log event at all. With two places (a
    repeated key, an attribute of that name) the message is read in full.
    """
    at = value.find(_KEY)
    if at < 0:
        return False
    after = at + _KEY_BYTES
    start = after + 2 if value[after : after + 2] == b": " else after + 1
    end = value.find(b'"', start + 1, start + _VALUE_MAX_BYTES) + 1
    if value[after : after + 1] != b":" or value[start:end] not in _QUIET_VALUES:
        return False
    # One byte is found several times faster than two, and few messages have any backslash.
    return value.find(_KEY, after) < 0 and (b"\\" not in value or b"\\u" not in value)
