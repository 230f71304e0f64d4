"""A cheap test that may say "surely no error" of a message, so that few are read in full."""

from __future__ import annotations

from itertools import product
from typing import Final

from firstcause.log_event import ERROR_LEVELS, LEVEL_ALIASES

_QUIET_WORDS: Final = tuple(
    alias
    for alias, level in LEVEL_ALIASES.items()
    if level not in ERROR_LEVELS and alias in {"INFO", "DEBUG", "WARN", "TRACE", "WARNING"}
)
_KEY: Final = b'"level"'
_QUIET_STARTS: Final = tuple(
    f'{colon}"{word}"'.encode()
    for word, colon in product(
        [*_QUIET_WORDS, *map(str.lower, _QUIET_WORDS)],
        (":", ": "),
    )
)


def surely_not_error(value: bytes) -> bool:
    r"""True only when `value` can't be read as an ERROR or FATAL event; False says nothing.

    Why it loses none: a JSON object's own key "level" is written as those seven bytes, unless
    a \u escape hides a letter of it. So with no \u in the message and "level" in it once, that
    one place is the only one that could set the level, and there a quiet level is written
    out. A key inside `attributes` with no level outside is no log event at all. With two places
    (a repeated key, an attribute of that name) the message is read in full.
    """
    start = value.find(_KEY)
    if start < 0:
        return False
    after = start + len(_KEY)
    return (
        value.startswith(_QUIET_STARTS, after)
        and value.find(_KEY, after) < 0
        and b"\\u" not in value
    )
