"""The one line of a log event that says what went wrong; it is what templates are made of. Pure.

Mostly that is the first line of the message. A message that begins with a stack trace or a JSON
document, or that holds no words, has its line inside, or in the other fields of the event.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from log_templates.mask import MAX_MESSAGE_CHARS, kept_digits
from log_templates.stack_trace import TRACEBACK, last_error, own_frame

# No document longer than that is parsed; one that was cut is read as far as it goes.
DOCUMENT_CHARS: Final = 64_000
PART_CHARS: Final = 300

# Names of one thing in the documents of many loggers, the surest first.
_MESSAGE_KEYS: Final = (
    "msg",
    "message",
    "@message",
    "text",
    "event",
    "error_message",
    "errorMessage",
    "title",
    "detail",
    "description",
    "reason",
    "log",
)
_ERROR_KEYS: Final = ("error", "err", "exception", "cause", "exc")
_CODE_KEYS: Final = (
    "code",
    "error_code",
    "errorCode",
    "err_code",
    "status",
    "status_code",
    "statusCode",
    "http_status",
    "exit_code",
)
_PLACE_KEYS: Final = ("path", "field", "param", "property")
_TYPE_KEYS: Final = ("type", "name", "error_type", "class", "exception_class")
_TRACE_KEYS: Final = ("stack", "stack_trace", "stacktrace", "traceback", "exc_info", "exception")

_DOCUMENT: Final = re.compile(r"[\[{]")
_MANY_LINES: Final = re.compile(r"[\[{]\s*\n")
_OPENED: Final = re.compile(r"\{\s*\"|\[\s*[\{\"]|\[\s*\]|\{\s*\}")
# `TRPCError: [` and the like: a few words before the document.
_PREFIX: Final = re.compile(r"[^\[{\n\"]{1,80}[:=]\s*(?=[\[{])")
_PAIR: Final = re.compile(
    r"\"([\w.@-]{1,40})\"\s*:\s*(\"(?:[^\"\\]|\\.){0,2000}+(?:\"|\Z)|-?\d{1,12}\b)"
)
# A code is a meaning, not a measure: 404 and 503 are two things that happen.
_CODE: Final = re.compile(
    r"(?i:\b(?:(?:http|response|status|result|return|exit|error|err|sql|vendor|reason)[ _\-]?"
    r"(?:status|code)s?|errno|code|status|http|sqlstate|ora|tns|pls|rc|http/\d(?:\.\d)?\\?\"?)"
    r"[\"'\])]{0,2}(?: ?(?:is|was|of|=|:|-|\[|\())? ?[\"'(\[]{0,2})"
    r"(?P<code>-?(?:[1-5]\d\d|\d{1,2}|[0-9A-Z]{5}|\d{4,5}))(?![\w.:%/\-]\w|\w|%)"
)
_CODE_WORDS: Final = ("ode", "ODE", "tatus", "TATUS", "rrno", "HTTP", "http", "ORA-", "SQL", "TNS-")
_WORD: Final = re.compile(r"[^\W\d_]{2,}")


def headline(
    message: str, exception: str | None = None, logger: str | None = None, code: str | None = None
) -> str:
    """The line that tells an event from others; give it to a miner, and to nothing else.

    Codes in it (HTTP status, errno, exit codes) are never masked.

    Args:
        message: the event's message, of any form.
        exception: its stack trace, where it has one.
        logger: who logged it; told where the message has no words of its own.
        code: its error code; told where the message has no words of its own.
    """
    line = _headline(message, exception, logger, code)
    cut = line[:MAX_MESSAGE_CHARS]
    if any(one in cut for one in _CODE_WORDS):
        return _CODE.sub(_kept_code, cut) + line[MAX_MESSAGE_CHARS:]
    return line


def _kept_code(match: re.Match[str]) -> str:
    start = match.start("code") - match.start()
    return match[0][:start] + kept_digits(match[0][start:])


def _headline(message: str, exception: str | None, logger: str | None, code: str | None) -> str:
    start = message[:DOCUMENT_CHARS].lstrip()
    if start.startswith(TRACEBACK):
        return _of_trace(start) or start
    found = _of_document(start, logger)
    if found:
        return found
    if not _WORD.search(start):
        return (
            _joined(start, _of_exception(exception, code), logger if not exception else None)
            or start
        )
    first = start.split("\n", 1)[0].rstrip()
    if first.endswith(":") and exception:
        # "Upstream error: " and nothing: what it was stands in the trace.
        return _joined(first.rstrip(": "), _of_exception(exception, None))
    if first.endswith(":") and "\n" in start:
        rest = start[len(first) :].strip()
        if rest.startswith(TRACEBACK):
            return _joined(first.rstrip(": "), _of_trace(rest))
    return message


def _of_trace(trace: str) -> str | None:
    error = last_error(trace)
    if not error:
        return None
    frame = own_frame(trace)
    return f"{error[:PART_CHARS]} in {frame}" if frame else error[:PART_CHARS]


def _of_exception(exception: str | None, code: str | None) -> str | None:
    error = last_error(exception[:DOCUMENT_CHARS]) if exception else None
    if code and code not in (error or ""):
        return f"{error} [{code}]" if error else code
    return error[:PART_CHARS] if error else None


def _of_document(text: str, logger: str | None) -> str | None:
    """The line inside of a JSON document that the message is, or ends with."""
    prefix = ""
    if not _DOCUMENT.match(text):
        # Only where the document goes on over many lines: else it is a value.
        before = _PREFIX.match(text)
        if before is None or not _MANY_LINES.match(text, before.end()):
            return None
        prefix, text = before[0].rstrip(" :="), text[before.end() :]
    if not _OPENED.match(text):
        return None
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        # Cut, or more behind it: what is seen of its pairs.
        document = {}
        for key, value in _PAIR.findall(text):
            document.setdefault(key, value.strip('"'))
    parts = _parts(document)
    told = _joined(prefix, *parts) if parts else None
    if not told:
        return None
    has_words = isinstance(document, dict)
    return told if has_words or prefix or not logger else _joined(logger, told)


def _parts(document: Any) -> list[str]:
    """What a document says: its message, its error, its codes."""
    if isinstance(document, list):
        document = next((one for one in document if isinstance(one, dict)), None) or {
            "message": "; ".join(one for one in document[:3] if isinstance(one, str))
        }
    if not isinstance(document, dict):
        return []
    parts = list(_texts(document))
    codes = [_short(document[key]) for key in _CODE_KEYS if _is_plain(document.get(key))]
    places = [_place(document[key]) for key in _PLACE_KEYS if isinstance(document.get(key), list)]
    tail = [*(f"code {one}" for one in codes if one), *(f"at {one}" for one in places if one)]
    # What has neither a message nor an error says nothing: its first line will do.
    return [*parts, *tail] if parts else []


def _texts(document: Mapping[str, Any]) -> Iterator[str]:
    told = [_inner(_first(document, _MESSAGE_KEYS))]
    for key in _ERROR_KEYS:
        value = document.get(key)
        if isinstance(value, Mapping):
            text = _inner(_first(value, _MESSAGE_KEYS))
            told.append(_joined(_first(value, _TYPE_KEYS), text))
        elif isinstance(value, str) and value.strip():
            told.append((_of_trace(value) if "\n" in value else None) or _inner(value))
        else:
            continue
        break
    if not any(told):
        told.append(_of_trace(_first(document, _TRACE_KEYS)) or "")
    yield from dict.fromkeys(one for one in told if one)


def _first(document: Mapping[str, Any], keys: tuple[str, ...]) -> str:
    """The text of the first key that has one; empty where none has."""
    texts = (document.get(key) for key in keys)
    return next((one for one in texts if isinstance(one, str) and one.strip()), "")


def _inner(text: str) -> str:
    """A text within a document may be a document or a trace itself, once."""
    text = text.strip()
    if text.startswith(TRACEBACK):
        return _of_trace(text) or text
    if text.startswith(("{", "[")):
        try:
            parts = _parts(orjson.loads(text))
        except orjson.JSONDecodeError:
            parts = []
        if parts:
            return _joined(*parts)
    return text.split("\n", 1)[0].strip()[: 2 * PART_CHARS]


def _is_plain(value: Any) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 40 else ""  # noqa: PLR2004


def _place(value: list[Any]) -> str:
    return ".".join(str(one) for one in value[:6] if _is_plain(one) and not isinstance(one, int))


def _joined(*parts: str | None) -> str:
    told = [one.strip() for one in parts if one and one.strip()]
    return ": ".join(told)
