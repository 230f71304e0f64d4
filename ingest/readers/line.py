"""A line of text: CRI's prefix, JSON inside of text, logfmt, a trace id, a stack below the line."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from ingest.draft import Draft
from ingest.fields.levels import level_of, without_colours
from ingest.readers import line_head

_CRI = re.compile(
    r"(?P<time>\d{4}-\d{2}-\d{2}T[0-9:.]+(?:Z|[+-]\d{2}:\d{2})) (?P<stream>stdout|stderr) "
    r"(?P<tag>[FP])(?::[A-Z:]+)? (?P<rest>.*)",
    re.DOTALL,
)
_PAIR = re.compile(r'([A-Za-z_@][\w.@/-]{0,60})=("(?:[^"\\]|\\.)*"|[^\s"]*)(?:\s+|$)')
_LOGFMT_KEYS: Final = frozenset({"level", "lvl", "severity", "msg", "message"})
_INLINE_TRACE = re.compile(
    r"\btrace[_.]?id[\"']?\s?[=:]\s?[\"']?([0-9a-f]{32}|[0-9a-f]{16})\b", re.IGNORECASE
)
_INLINE_SPAN = re.compile(r"\bspan[_.]?id[\"']?\s?[=:]\s?[\"']?([0-9a-f]{16})\b", re.IGNORECASE)
_TRACE_CHARS: Final = 1_000
_STACK_START = re.compile(
    r"^(?:Traceback \(most recent call last\):|[ \t]+at [\w$.<>]+|Caused by: |goroutine \d+ \[|"
    r"[ \t]+File \"[^\"]+\", line \d+)",
    re.MULTILINE,
)


def read(draft: Draft) -> bool:
    """Reads one layer of the draft's text; True when there may be another below it.

    A text that is JSON becomes the body as an object. Raises nothing.
    """
    text = without_colours(draft.body).rstrip("\r\n")
    draft.body = text
    if draft.line is None:
        draft.line = text
    if match := _CRI.fullmatch(text):
        draft.take_time("cri.time", match["time"])
        draft.attributes.setdefault("stream", match["stream"])
        draft.is_piece = match["tag"] == "P"
        draft.body = draft.line = match["rest"]
        return True
    document = json_inside(text)
    if document is not None:
        draft.body = document
        return True
    if draft.is_raw_line:
        pairs = None if line_head.is_klog(text) else logfmt(text)
        if pairs is not None:
            draft.body = pairs
            return False
        line_head.read(draft, text)
    _read_inline_trace(draft)
    _split_stack(draft)
    return False


def _read_inline_trace(draft: Draft) -> None:
    """`[trace_id=... span_id=...]` in a line of text, where nothing else told a trace."""
    if "trace_id" in draft.fields or "race" not in draft.body[:_TRACE_CHARS]:
        return
    for name, pattern in (("trace_id", _INLINE_TRACE), ("span_id", _INLINE_SPAN)):
        if match := pattern.search(draft.body, 0, _TRACE_CHARS):
            draft.take_trace(name, name, match[1])


def json_inside(text: str) -> Mapping[str, Any] | None:
    """The JSON object that a text is, with blanks around it at most; None when it is none."""
    # `@cee:` is the sign of JSON within syslog.
    stripped = text.strip().removeprefix("@cee:").lstrip()
    if not (stripped.startswith("{") and stripped.endswith("}")):
        return None
    try:
        document = orjson.loads(stripped)
    except (orjson.JSONDecodeError, RecursionError):
        return None
    return document if isinstance(document, dict) and document else None


def logfmt(text: str) -> dict[str, str] | None:
    """A line of `key=value` pairs and nothing else, as an object; None when it is none."""
    if "=" not in text[:80]:
        return None
    pairs: dict[str, str] = {}
    position = 0
    while position < len(text):
        match = _PAIR.match(text, position)
        if match is None:
            return None
        value = match[2]
        if value[:1] == '"':
            value = _unquoted(value)
        pairs.setdefault(match[1], value)
        position = match.end()
    if len(pairs) < 2 or not _LOGFMT_KEYS & pairs.keys():  # noqa: PLR2004
        return None
    if not any(level_of(pairs.get(key)) for key in ("level", "lvl", "severity")) and (
        "msg" not in pairs and "message" not in pairs
    ):
        return None
    return pairs


def _unquoted(value: str) -> str:
    try:
        text = orjson.loads(value)
    except orjson.JSONDecodeError:
        return value[1:-1]
    return text if isinstance(text, str) else value[1:-1]


def _split_stack(draft: Draft) -> None:
    """Moves a stack trace behind the first lines into `exception`."""
    text = draft.body
    if "\n" not in text or "exception" in draft.fields:
        return
    match = _STACK_START.search(text)
    if match is None:
        return
    draft.take("exception", text)
    if match.start() > 0:
        draft.body = text[: match.start()].strip() or text
    else:
        # A bare traceback: its last line says what went wrong.
        draft.body = text.strip().rsplit("\n", 1)[-1].strip()
