"""A line of text: CRI's prefix, JSON inside of text, klog, logfmt, a time and a level in front."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import orjson

from ingest.draft import Draft
from ingest.fields.levels import leading_level, level_of, without_colours
from ingest.fields.timestamps import leading_time

_CRI = re.compile(
    r"(?P<time>\d{4}-\d{2}-\d{2}T[0-9:.]+(?:Z|[+-]\d{2}:\d{2})) (?P<stream>stdout|stderr) "
    r"(?P<tag>[FP])(?::[A-Z:]+)? (?P<rest>.*)",
    re.DOTALL,
)
# klog and glog: Lmmdd hh:mm:ss.uuuuuu threadid file:line] msg
_KLOG = re.compile(
    r"(?P<level>[IWEF])\d{4} \d{2}:\d{2}:\d{2}\.\d{6}\s+(?P<thread>\d+) "
    r"(?P<caller>[^\s:\]]+:\d+)\] (?P<rest>.*)",
    re.DOTALL,
)
_PAIR = re.compile(r'([A-Za-z_@][\w.@/-]{0,60})=("(?:[^"\\]|\\.)*"|[^\s"]*)(?:\s+|$)')
_LOGFMT_KEYS: Final = frozenset({"level", "lvl", "severity", "msg", "message"})
_PYTHON_BASIC = re.compile(r"(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL):(?P<logger>[\w.]+):")
# Small tokens between a time and a level: a thread, a process id, a logger.
_BETWEEN = re.compile(r"\s*(?:\[[^\]\n]{1,80}\]|\([^)\n]{1,80}\)|[\w.$/:#@-]{1,80})(?:\s+-)?\s+")
_MAX_BETWEEN: Final = 3
# `[main] c.a.Checkout - text`, `12 --- [main] c.a.Checkout : text`.
_JAVA_HEAD = re.compile(
    r"\s*(?:\d+\s+---\s+)?(?:\[\s*(?P<thread>[^\]\n]{1,80})\]\s*){1,3}"
    r"(?P<logger>[A-Za-z_$][\w.$]{1,120})\s*(?:\[[^\]\n]{0,80}\]\s*)?(?:-|:)\s+"
)
# A dotted name between a time and a level, as Python's usual format has it.
_LOGGER_NAME = re.compile(r"(?<![\w.])[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)+(?![\w.:])")
_SEPARATORS: Final = " \t-:|"
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
        _read_head(draft, text)
    _split_stack(draft)
    return False


def json_inside(text: str) -> Mapping[str, Any] | None:
    """The JSON object that a text is, with blanks around it at most; None when it is none."""
    stripped = text.strip()
    if not (stripped.startswith("{") and stripped.endswith("}")):
        return None
    try:
        document = orjson.loads(stripped)
    except (orjson.JSONDecodeError, RecursionError):
        return None
    return document if isinstance(document, dict) and document else None


def _read_head(draft: Draft, text: str) -> None:
    if match := _KLOG.fullmatch(text):
        draft.take_level("klog", match["level"])
        draft.attributes.update(thread=match["thread"], caller=match["caller"])
        draft.body = match["rest"]
        return
    pairs = logfmt(text)
    if pairs is not None:
        draft.body = pairs
        return
    start = 0
    if leading := leading_time(text, draft.zone):
        time, start = leading
        if (time.has_zone or draft.time is None) and "time" not in draft.pinned:
            draft.time = time
    if match := _PYTHON_BASIC.match(text, start):
        draft.take_level("level", match["level"])
        draft.take("logger", match["logger"])
        draft.body = text[match.end() :].lstrip()
        return
    found = _level_near(text, start)
    if found is None:
        return
    level, end = found
    draft.take_level("level", level)
    if name := _LOGGER_NAME.search(text, start, end):
        draft.take("logger", name[0])
    if start == 0 and (later := leading_time(text[end:])):
        # `ERROR 2026-11-22 09:20:00,123 text`: the time comes second.
        draft.take_time("time", text[end : end + later[1]].strip("[]() "))
        end += later[1]
    head = _JAVA_HEAD.match(text, end)
    if head is not None:
        draft.take("logger", head["logger"])
        draft.attributes["thread"] = head["thread"].strip()
        end = head.end()
    rest = text[end:].lstrip(_SEPARATORS)
    if rest:
        draft.body = rest


def _level_near(text: str, start: int) -> tuple[str, int] | None:
    """The level word at the place, or behind up to three small tokens after a time."""
    found = leading_level(text, start)
    if found is not None or start == 0:
        return found
    for _ in range(_MAX_BETWEEN):
        between = _BETWEEN.match(text, start)
        if between is None:
            return None
        start = between.end()
        found = leading_level(text, start)
        if found is not None:
            return found
    return None


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
