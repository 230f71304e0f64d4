"""The exception of a logger's record, as text: a stack, a list of frames, or only what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from firstcause.events.message_json import text_of
from ingest.draft import Draft
from ingest.fields.lookup import find, first_text
from ingest.readers.field_names import may_have

STACKS: Final = (
    "error.stack_trace", "stack_trace", "stackTrace", "exception.stacktrace", "err.stack",
    "error.stack", "stacktrace", "thrown.extendedStackTrace", "exception.stack_trace", "@x",
    "throwable", "stack", "exc_info", "exc_text", "backtrace", "thrown.message", "exception",
)  # fmt: skip
_OTHER_SPELLINGS: Final = (
    "Exception", "StackTrace", "S", "context.exception", "extra.exception", "record.exception",
    "fields.exception.stacktrace",
)  # fmt: skip
_STACK_NAMES: Final = (*STACKS, *_OTHER_SPELLINGS)
_TYPES: Final = (
    "name", "type", "class", "exc_type", "className", "exceptionType", "exception_class",
)  # fmt: skip
_MESSAGES: Final = ("message", "exc_value", "localizedMessage", "exception_message", "value")
_FRAMES: Final = (
    "stack", "stacktrace", "stack_trace", "stackTrace", "extendedStackTrace", "stepArray", "frames",
    "trace", "backtrace",
)  # fmt: skip
_FRAME_STARTS: Final = ("  File ", "File ", "    at ", "at ", "\tat ")
# Exceptions within exceptions: what is deeper is one JSON text.
_MAX_DEPTH: Final = 10
_ERROR_TEXTS: Final = ("error.message", "err.message", "error", "err", "cause", "fields.error")
_ALL_NAMES: Final = (*_STACK_NAMES, *_ERROR_TEXTS)


def read_exception(document: Mapping[str, Any], draft: Draft, used: set[str]) -> None:
    """Takes the exception of a record, and adds the paths that it was read from to `used`."""
    if not may_have(document, _ALL_NAMES):
        return
    for name in _STACK_NAMES:
        value = find(document, name)
        if value is True:
            draft.attributes["exception.lost"] = "true"
            used.add(name)
            continue
        text = _stack_text(value)
        if text:
            head = _head_beside(document, name)
            if head and head.partition(":")[0] not in text:
                text = f"{head}\n{text}" if text.startswith(_FRAME_STARTS) else f"{head}: {text}"
            draft.take("exception", text)
            used.add(name)
            return
    for name in _ERROR_TEXTS:
        value = find(document, name)
        if isinstance(value, str) and value.strip():
            kind = first_text(document, ("error.type", "err.type"))
            draft.take("exception", f"{kind}: {value}" if kind else value)
            used.add(name)
            return


def _head_beside(document: Mapping[str, Any], name: str) -> str | None:
    """What an exception is called where its stack is told apart from it."""
    owner = find(document, name.rpartition(".")[0])
    if isinstance(owner, Mapping):
        return _head(owner)
    kind = first_text(document, ("error.type", "err.type", "thrown.name"))
    # zerolog: the frames in `stack`, the text in `error`.
    return kind or (first_text(document, ("error", "err")) if name == "stack" else None)


def _head(value: Mapping[str, Any]) -> str | None:
    kind, message = first_text(value, _TYPES), first_text(value, _MESSAGES)
    return ": ".join(text for text in (kind, message) if text) or None


def _stack_text(value: Any, depth: int = 0) -> str | None:
    """A stack trace as text: from text, from structlog's list of exceptions, from frames."""
    if isinstance(value, str):
        return value.strip() or None
    if depth > _MAX_DEPTH:
        return text_of(value)
    if isinstance(value, Mapping):
        # log4j 2, logback, JBoss, Monolog and others keep type, text and frames apart.
        frames = next((value[name] for name in _FRAMES if value.get(name)), None)
        stack = _stack_text(frames, depth + 1) if not isinstance(frames, bool) else None
        head = _head(value)
        if head and stack and head in stack:
            return stack
        return "\n".join(part for part in (head, stack) if part) or None
    if isinstance(value, list) and value:
        parts = []
        for item in value:
            if not isinstance(item, Mapping):
                parts.append(text_of(item) or "")
            elif "exc_type" in item or "exc_value" in item:
                parts.append(f"{item.get('exc_type') or 'Exception'}: {item.get('exc_value', '')}")
                parts.extend(map(_frame_line, _mappings(item.get("frames"))))
            else:
                parts.append(_frame_line(item))
        return "\n".join(part for part in parts if part).strip("\n") or None
    return None


def _frame_line(frame: Mapping[str, Any]) -> str:
    file = first_text(frame, ("filename", "file", "source", "fileName"))
    line = first_text(frame, ("lineno", "line", "lineNumber"))
    name = first_text(frame, ("name", "func", "function", "methodName", "method"))
    owner = first_text(frame, ("class", "className"))
    if owner is not None:
        place = ":".join(part for part in (file, line) if part) or "Unknown Source"
        return f"\tat {owner}.{name}({place})"
    if file is None and name is None:
        return text_of(frame) or ""
    return f'  File "{file}", line {line}, in {name}'


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
