"""The exception of a logger's record, as text: a stack, a list of frames, or only what it says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from firstcause.events.message_json import text_of
from ingest.draft import Draft
from ingest.fields.lookup import find, first_text

STACKS: Final = (
    "error.stack_trace", "stack_trace", "stackTrace", "exception.stacktrace", "err.stack",
    "error.stack", "stacktrace", "thrown.extendedStackTrace", "exception.stack_trace", "@x",
    "stack", "exc_info", "exc_text", "backtrace", "thrown.message", "exception",
)  # fmt: skip
# Exceptions within exceptions: what is deeper is one JSON text.
_MAX_DEPTH: Final = 10
_ERROR_TEXTS: Final = ("error.message", "err.message", "error", "err", "cause")


def read_exception(document: Mapping[str, Any], draft: Draft, used: set[str]) -> None:
    """Takes the exception of a record, and adds the paths that it was read from to `used`."""
    for name in STACKS:
        value = find(document, name)
        if value is True:
            draft.attributes["exception.lost"] = "true"
            used.add(name)
            continue
        text = _stack_text(value)
        if text:
            kind = first_text(document, ("error.type", "err.type", "thrown.name"))
            if kind and kind not in text:
                text = f"{kind}: {text}"
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


def _stack_text(value: Any, depth: int = 0) -> str | None:
    """A stack trace as text: from text, from structlog's list of exceptions, from frames."""
    if isinstance(value, str):
        return value.strip() or None
    if depth > _MAX_DEPTH:
        return text_of(value)
    if isinstance(value, Mapping):
        # log4j 2 and Log4net keep type, text and frames apart.
        head = ": ".join(
            text
            for text in (first_text(value, ("name", "type", "class", "exc_type")),
                         first_text(value, ("message", "exc_value", "localizedMessage")))
            if text
        )  # fmt: skip
        stack = _stack_text(
            value.get("stack") or value.get("stacktrace") or value.get("frames"), depth + 1
        )
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
        return "\n".join(part for part in parts if part).strip() or None
    return None


def _frame_line(frame: Mapping[str, Any]) -> str:
    file = first_text(frame, ("filename", "file", "source", "fileName"))
    line = first_text(frame, ("lineno", "line", "lineNumber"))
    name = first_text(frame, ("name", "func", "function", "methodName", "method"))
    if file is None and name is None:
        return text_of(frame) or ""
    return f'  File "{file}", line {line}, in {name}'


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []
