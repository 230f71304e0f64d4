"""Computes the key of a log event: equal for events of the same kind. Pure, with caches."""

from __future__ import annotations

import functools
import re
from typing import Final

from firstcause.events.log_event import ERROR_LEVELS, LogEvent

# Parts a key; control characters are masked in messages and stand in no sensible name.
SEPARATOR: Final = "\x1f"
VARIABLE: Final = "<*>"
# The key behind the last event of a trace and before the first of a span.
END: Final = ""

# Attributes in which sources tell the line of code: the plain name, and OpenTelemetry's two.
LINE_ATTRIBUTES: Final = ("line", "code.lineno", "code.line.number")
_MESSAGE_CHARS: Final = 240
_TEMPLATE_WORDS: Final = 12

_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]+")
_QUOTED: Final = re.compile(r"\"[^\"]*\"|(?<!\w)'[^']*'(?!\w)")
# Also a person's: who it was says nothing of the code, and is not for a profile to keep.
_MAIL_ADDRESS: Final = re.compile(r"[\w.+\-]+@[\w\-]+(?:\.[\w\-]+)+")
_NAME_JOINTS: Final = re.compile("[-'\u2019]")
# Whatever holds a digit, and what hangs on to it.
_WITH_DIGIT: Final = re.compile(r"[\w.\-:/@%+]*\d[\w.\-:/@%+]*")
# A name, a colon or an equals sign, and a value: what follows is data, not code.
_FIRST_VALUE: Final = re.compile(r"(?<=\w)\s?(?:=|:\s)(?!=).*", re.DOTALL)


def event_key(event: LogEvent) -> str:
    """The key of an event: service, level, logger, and the line of code or else the template.

    An error's key has its template in any case: one line of code can report many errors.
    """
    line = None
    if event.logger:
        for name in LINE_ATTRIBUTES:
            line = event.attributes.get(name)
            if line is not None:
                break
    if line is None:
        return _joined(
            event.service_name,
            event.level,
            event.logger or "",
            template(event.message, is_error=event.level in ERROR_LEVELS),
        )
    if event.level in ERROR_LEVELS:
        line = f"{line} {template(event.message, is_error=True)}"
    return _joined(event.service_name, event.level, event.logger or "", line)


@functools.lru_cache(maxsize=65_536)
def _joined(*parts: str) -> str:
    return SEPARATOR.join(parts)


@functools.lru_cache(maxsize=16_384)
def template(message: str, *, is_error: bool) -> str:
    """A message without its variable parts, limited in words.

    Of a message that is no error, nothing is kept from its first named value on: values may be
    lists of any length. What an error says after a colon is often the error itself, so it stays.
    """
    text = _CONTROL.sub(" ", message[:_MESSAGE_CHARS])
    if '"' in text or "'" in text:
        text = _QUOTED.sub(VARIABLE, text)
    if "@" in text:
        text = _MAIL_ADDRESS.sub(VARIABLE, text)
    if not is_error:
        text = _FIRST_VALUE.sub("", text)
    text = _WITH_DIGIT.sub(VARIABLE, text)
    return " ".join(_without_names(text.split(), is_error=is_error)[:_TEMPLATE_WORDS])


def _without_names(words: list[str], *, is_error: bool) -> list[str]:
    """The words with each name of a person, a place or a thing as one variable.

    A name is a run of capitalised words behind one in small letters, or two and more of them in
    front of one. Names in CAPITALS or CamelCase are those of code, and stay; so does what an error
    says behind a variable, as in `500 Internal Server Error`.
    """
    kept: list[str] = []
    index = 0
    while index < len(words):
        end = index
        while end < len(words) and _is_capitalised(words[end]):
            end += 1
        last = kept[-1] if kept else ""
        inside = last[:1].islower() or (last == VARIABLE and not is_error)
        in_front = end - index > 1 and end < len(words) and words[end][0].islower()
        if end > index and (inside or (not kept and in_front)):
            kept.append(VARIABLE)
        else:
            kept += words[index : max(end, index + 1)]
        index = max(end, index + 1)
    return kept


def _is_capitalised(word: str) -> bool:
    parts = _NAME_JOINTS.split(word.rstrip(",;:.)"))
    return any(part[1:] for part in parts) and all(
        part[:1].isupper() and part[1:] == part[1:].lower() for part in parts
    )


def service_of(key: str) -> str:
    """The service of the events with this key."""
    return key.partition(SEPARATOR)[0]


def level_of(key: str) -> str:
    """The level of the events with this key; empty for END."""
    return key.split(SEPARATOR, 2)[1] if SEPARATOR in key else ""


def kind_of(key: str) -> str:
    """The key without its service: the same code in two services has the same kind."""
    return key.partition(SEPARATOR)[2]


def is_error_key(key: str) -> bool:
    """True for keys of ERROR and FATAL events."""
    return level_of(key) in ERROR_LEVELS
