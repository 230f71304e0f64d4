"""Words rates, durations and names for messages. Pure."""

from __future__ import annotations

import re
from typing import Final

from log_analyzer.incidents.severity import Recent
from log_analyzer.notify.messages.content import Quoted

_FIRST_SENTENCE: Final = re.compile(r"(?s)^(.*?[.!?])\s+[A-Z“\"'(]")


def named_as(text: str | None) -> Quoted:
    """The name of a service or a person."""
    return Quoted(text or "unnamed")


def rate(found: Recent) -> str:
    """A rate for people: `480 a minute`, `6 an hour`."""
    per_minute = found.per_minute
    if per_minute >= 1:
        return f"{round(per_minute):,} a minute"
    return f"{max(1, round(per_minute * 60)):,} an hour"


def first_sentence(text: str) -> str:
    """The first sentence of a text, or all of it."""
    found = _FIRST_SENTENCE.match(text.strip())
    return found[1] if found else text.strip()


def duration(span_ms: int) -> str:
    """A span of time for people: 40 s, 12 min, 3 h 5 min, 2 days 4 h."""
    seconds = max(1, round(span_ms / 1_000))
    minutes, hours, days = seconds // 60, seconds // 3_600, seconds // 86_400
    if minutes < 2:  # noqa: PLR2004
        return f"{seconds} s"
    if hours < 1:
        return f"{minutes} min"
    if days < 1:
        return f"{hours} h {minutes % 60} min"
    return f"{days} {plural(days, 'day')} {hours % 24} h"


def plural(count: int, word: str) -> str:
    """The singular or plural of a word, by its count."""
    return word if count == 1 else f"{word}s"
