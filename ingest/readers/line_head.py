"""What leads a line of plain text: a time, a level, a thread, a logger; the rest is the message.

Loggers of many languages write these in any order and with their own brackets. What is no level
and no time stays in the message.
"""

from __future__ import annotations

import re
from typing import Final

from ingest.draft import Draft
from ingest.fields.levels import leading_level, level_of
from ingest.fields.timestamps import leading_time

# klog and glog: Lmmdd hh:mm:ss.uuuuuu threadid file:line] msg
_KLOG = re.compile(
    r"(?P<level>[IWEF])\d{4} \d{2}:\d{2}:\d{2}\.\d{6}\s+(?P<thread>\d+) "
    r"(?P<caller>[^\s:\]]+:\d+)\] (?P<rest>.*)",
    re.DOTALL,
)
_PYTHON_BASIC = re.compile(r"(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL):(?P<logger>[\w.]+):")
# Small tokens between a time and a level: a thread, a process id, a logger.
_BETWEEN = re.compile(
    r"\s*(?:\[[^\]\n]{1,80}\]|\([^)\n]{1,80}\)|\{[^}\n]{1,80}\}|[\w.$/:#@-]{1,80})(?:\s+-)?\s+"
)
_MAX_BETWEEN: Final = 3
# `[main] c.a.Checkout - text`, `12 --- [main] c.a.Checkout : text`.
_JAVA_HEAD = re.compile(
    r"\s*(?:\d+\s+---\s+)?(?:\[\s*(?P<thread>[^\]\n]{1,80})\]\s*){1,3}"
    r"(?P<logger>[A-Za-z_$][\w.$]{1,120})\s*(?:\[[^\]\n]{0,80}\]\s*)?(?:-|:)\s+"
)
# A dotted name between a time and a level, as Python's usual format has it.
_LOGGER_NAME = re.compile(r"(?<![\w.])[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)+(?![\w.:])")
_SEPARATORS: Final = " \t-:|"
# A clock without a date, as consoles show it: skipped, since the shipper knows the day.
_CLOCK = re.compile(
    r"[\[(]?(?:\d{1,2}/\d{1,2}/\d{4}, )?\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?"
    r"\s?(?:[AaPp][Mm])?[\])]?\s+"
)
# `[Nest] 12  - ` and Ruby's `E, [` before the time.
_BEFORE_TIME = re.compile(r"\[[A-Za-z]{2,20}\] \d+\s+- |[DIWEFA], (?=\[)")
# In the brackets of the time: `[... #12] ERROR`, `[...: ERROR/Pool-1]`, `[... ERROR a::b]`.
_IN_BRACKETS = re.compile(r"[^\]\n]{0,100}\]")
_WORD = re.compile(r"[A-Za-z]{3,9}")
# A level within a token: `production.ERROR:`, `[proxy:error]`, `[core:notice]`.
_CHANNEL = re.compile(
    r"\s*(?:[\w-]{1,40}\.(?P<level>[A-Z]{3,9}): ?|\[[\w-]{0,40}:(?P<word>[a-z]{4,9})\] ?)"
)
# ASP.NET's console: `fail: A.B[13]` and the text below it.
_DOTNET = re.compile(
    r"(?P<word>trce|dbug|info|warn|fail|crit): (?P<logger>[\w.`+]{1,200})\[\d+\]"
    r"(?:\s+(?P<rest>.*)|$)",
    re.DOTALL,
)
_DOTNET_LEVELS: Final = {
    "trce": "TRACE", "dbug": "DEBUG", "info": "INFO", "warn": "WARN", "fail": "ERROR",
    "crit": "FATAL",
}  # fmt: skip
# Who logged it, behind the level: `a.b:f:12 - `, `[a.b:12] `, `[ExceptionsHandler] `, `-- prog: `.
_CALLER = re.compile(
    r"\s*(?:\|\s*)?(?:(?P<module>[\w.]{1,120}):[\w<>]{1,80}:\d+ - "
    r"|\[(?P<place>[\w./$]{1,120}):\d+\]\s|\[(?P<name>[A-Z][A-Za-z]{3,60})\]\s"
    r"|-- (?P<program>[\w:. -]{0,60}): )"
)
_PIPED = re.compile(r"\s*(?P<logger>[\w.]{1,120})\|")


def is_klog(text: str) -> bool:
    """Whether a line is klog's, which may hold pairs behind its head."""
    return _KLOG.fullmatch(text) is not None


def read(draft: Draft, text: str) -> None:
    """Takes time, level, logger and thread from the head of a line; the body is what follows."""
    if match := _KLOG.fullmatch(text):
        draft.take_level("klog", match["level"])
        draft.attributes.update(thread=match["thread"], caller=match["caller"])
        draft.body = match["rest"]
        return
    if match := _DOTNET.fullmatch(text):
        draft.take_level("level", _DOTNET_LEVELS[match["word"]])
        draft.take("logger", match["logger"])
        draft.body = (match["rest"] or "").strip() or text
        return
    start = match.end() if (match := _BEFORE_TIME.match(text)) else 0
    start, inside = _read_time(draft, text, start)
    if match := _PYTHON_BASIC.match(text, start):
        draft.take_level("level", match["level"])
        draft.take("logger", match["logger"])
        draft.body = text[match.end() :].lstrip()
        return
    found = inside or _level_near(text, start)
    if found is None:
        return
    level, end = found
    draft.take_level("level", level)
    if name := _LOGGER_NAME.search(text, start, end):
        draft.take("logger", name[0])
    if start == 0 and (later := leading_time(text[end:], draft.zone)):
        # `ERROR 2026-11-22 09:20:00,123 text`: the time comes second.
        draft.take_time("time", text[end : end + later[1]].strip("[]() "))
        end += later[1]
    rest = text[_end_of_head(draft, text, end) :].lstrip(_SEPARATORS)
    if rest:
        draft.body = rest


def _read_time(draft: Draft, text: str, start: int) -> tuple[int, tuple[str, int] | None]:
    """Takes the time in front. Where it ends, and the level within its brackets if one is there."""
    leading = leading_time(text[start:], draft.zone)
    if leading is None:
        clock = _CLOCK.match(text, start)
        return (clock.end() if clock else start), None
    time, length = leading
    if (time.has_zone or draft.time is None) and "time" not in draft.pinned:
        draft.time = time
    end = start + length
    is_open = text[start] == "[" and text[end - 1] != "]"
    closing = _IN_BRACKETS.match(text, end) if is_open else None
    if closing is None:
        return end, None
    word = next((one for one in _WORD.finditer(closing[0]) if one[0].isupper()), None)
    level = level_of(word[0]) if word else None
    return closing.end(), (level, closing.end()) if level else None


def _end_of_head(draft: Draft, text: str, end: int) -> int:
    """Where the message begins, behind the thread and the logger that follow the level."""
    if match := _JAVA_HEAD.match(text, end):
        draft.take("logger", match["logger"])
        draft.attributes["thread"] = match["thread"].strip()
        return match.end()
    if match := _CALLER.match(text, end):
        name = match["module"] or match["place"] or match["name"] or match["program"]
        draft.take("logger", name)
        return match.end()
    if text[end - 1 : end] == "|" and (match := _PIPED.match(text, end)):
        draft.take("logger", match["logger"])
        return match.end()
    return end


def _level_near(text: str, start: int) -> tuple[str, int] | None:
    """The level word at the place, or behind up to three small tokens after a time."""
    found = _level_at(text, start)
    if found is not None or start == 0:
        return found
    for _ in range(_MAX_BETWEEN):
        between = _BETWEEN.match(text, start)
        if between is None:
            return None
        start = between.end()
        found = _level_at(text, start)
        if found is not None:
            return found
    return None


def _level_at(text: str, start: int) -> tuple[str, int] | None:
    if start and (match := _CHANNEL.match(text, start)):
        level = level_of(match["level"] or match["word"])
        if level is not None:
            return level, match.end()
    return leading_level(text, start)
