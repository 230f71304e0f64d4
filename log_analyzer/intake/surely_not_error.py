"""A cheap test on the bytes of a message: true only if it is certainly no error."""

from __future__ import annotations

from typing import Final

from firstcause.events.log_event import ERROR_LEVELS, LEVEL_ALIASES

_KEY: Final = b'"level"'
_KEY_BYTES: Final = len(_KEY)

# Two letters tell a quiet level when no word for an error begins with them.
_ERROR_STARTS: Final = {word[:2] for word, level in LEVEL_ALIASES.items() if level in ERROR_LEVELS}
_QUIET_STARTS: Final = {
    start
    for word, level in LEVEL_ALIASES.items()
    if level not in ERROR_LEVELS
    for start in (word[:2], word[:2].lower())
    if start.upper() not in _ERROR_STARTS
}
_CLOSE: Final = frozenset(f':"{start}'.encode() for start in _QUIET_STARTS)
_SPACED: Final = frozenset(f': "{start}'.encode() for start in _QUIET_STARTS)


def surely_not_error(value: bytes) -> bool:
    r"""True only when `value` can't be read as an ERROR or FATAL event; False says nothing.

    Why it loses none: a JSON object's own key "level" is written as those seven bytes, unless
    a \u escape hides a letter of it. So with no \u in the message and "level" in it once, that
    one place is the only one that could set the level, and there stands a word that begins as no
    error's does. A key inside `attributes` with no level outside is no log event at all. With two
    places (a repeated key, an attribute of that name) the message is read in full.
    """
    at = value.find(_KEY)
    if at < 0:
        return False
    after = at + _KEY_BYTES
    if value[after : after + 4] not in _CLOSE and value[after : after + 5] not in _SPACED:
        return False
    # One byte is found several times faster than two, and few messages have any backslash.
    return value.find(_KEY, after) < 0 and (b"\\" not in value or b"\\u" not in value)
