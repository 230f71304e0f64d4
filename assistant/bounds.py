"""Turns an answer into text: redacted first, then cut to its bound. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

ANSWER_BYTES: Final = 8_000
TEXT_CHARS: Final = 600
# Of a head that is too long: characters of a text and entries of a list, less until it fits.
HEAD_CUTS: Final = ((300, 20), (150, 10), (75, 5), (40, 3))
HINT: Final = "More was found than fits: ask for a shorter time, one service or a smaller limit."

# Makes text harmless: at most so many characters of it, cut after redaction.
Clean = Callable[[str, int], str]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a tool found: `head` says of what, `items` are the most important first.

    Values are text, numbers, booleans, None, and lists and mappings of these. Keys are ours: no
    text of logs is a key.
    """

    head: Mapping[str, Any]
    items: Sequence[Mapping[str, Any]] = field(default_factory=tuple)


def answer_text(answer: Answer, clean: Clean) -> str:
    """The answer as JSON of at most `ANSWER_BYTES` bytes of UTF-8.

    Every text in it is redacted. Items that do not fit are left out from the end, and counted. A
    head that does not fit is cut, and `shortened` says so.
    """
    whole = _cleaned(answer.head, clean)
    found = len(answer.items)
    head, room = whole, _room(whole, found)
    for chars, entries in HEAD_CUTS:
        if room >= 0:
            break
        head = {**_cut(whole, chars, entries), "shortened": True}
        room = _room(head, found)
    items: list[Any] = []
    for one in answer.items:
        # One after the other: redaction costs time, and what does not fit needs none.
        item = _cleaned(one, clean)
        room -= len(_json(item)) + 1
        if room < 0:
            break
        items.append(item)
    told = {**head, "items": items}
    if len(items) < found:
        told |= {"left_out": found - len(items), "hint": HINT}
    return _json(told).decode()


def _cleaned(value: Any, clean: Clean) -> Any:
    if isinstance(value, str):
        return clean(value, TEXT_CHARS)
    if isinstance(value, Mapping):
        return {key: _cleaned(item, clean) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item, clean) for item in value]
    return value


def _room(head: Mapping[str, Any], found: int) -> int:
    """The bytes that are left for items, beside what is said of those that are left out."""
    return ANSWER_BYTES - len(_json({**head, "items": [], "left_out": found, "hint": HINT}))


def _cut(value: Any, chars: int, entries: int) -> Any:
    if isinstance(value, str):
        return value if len(value) <= chars else f"{value[: chars - 1]}…"
    if isinstance(value, dict):
        return {key: _cut(item, chars, entries) for key, item in value.items()}
    if isinstance(value, list):
        return [_cut(item, chars, entries) for item in value[:entries]]
    return value


def _json(value: Any) -> bytes:
    return orjson.dumps(value)
