"""Levels as loggers and shippers write them: words, letters, numbers of several conventions."""

from __future__ import annotations

import enum
import re
from typing import Any, Final

# By first match of the word in capitals, without what surrounds it.
_WORDS: Final[dict[str, str]] = {
    **dict.fromkeys(("TRACE", "TRC", "FINEST", "FINER", "VERBOSE", "SILLY", "ALL"), "TRACE"),
    **dict.fromkeys(("DEBUG", "DBG", "DEBU", "FINE", "CONFIG"), "DEBUG"),
    **dict.fromkeys(
        ("INFO", "INF", "INFORMATION", "INFORMATIONAL", "NOTICE", "NOTE", "LOG", "HTTP"), "INFO"
    ),
    **dict.fromkeys(("WARN", "WARNING", "WRN", "WARNG"), "WARN"),
    **dict.fromkeys(
        ("ERROR", "ERR", "ERRO", "EROR", "SEVERE", "FAIL", "FAILURE", "FAILED", "EXCEPTION",
         "FEHLER", "ERREUR"),
        "ERROR",
    ),
    **dict.fromkeys(
        ("FATAL", "FTL", "CRITICAL", "CRIT", "ALERT", "EMERGENCY", "EMERG", "PANIC", "DPANIC",
         "FATALERROR"),
        "FATAL",
    ),
    # klog, glog and Python's short forms.
    "T": "TRACE", "V": "TRACE", "D": "DEBUG", "I": "INFO", "N": "INFO", "W": "WARN",
    "E": "ERROR", "F": "FATAL", "C": "FATAL",
}  # fmt: skip

_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_NOT_LETTER = re.compile(r"[^A-Za-z]+")
_LEVEL_NUMBER = re.compile(r"(?:level\()?\s*(-?[0-9]{1,6})\s*\)?", re.IGNORECASE)


class Numbers(enum.Enum):
    """What a level's number counts in."""

    LOGGER = enum.auto()  # bunyan and pino (10 to 60), log4j (5,000 to 50,000)
    SYSLOG = enum.auto()  # RFC 5424, table 2: 0 is an emergency, 7 debugging
    OTEL = enum.auto()  # OpenTelemetry, SeverityNumber: 1 to 24, four a level
    ZAP = enum.auto()  # zap and slog: -1 is debug, 0 info


_SYSLOG: Final = ("FATAL", "FATAL", "FATAL", "ERROR", "WARN", "INFO", "INFO", "DEBUG")
_OTEL: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
_BUNYAN: Final = ((60, "FATAL"), (50, "ERROR"), (40, "WARN"), (30, "INFO"), (20, "DEBUG"),
                  (10, "TRACE"))  # fmt: skip
_LOG4J: Final = ((50_000, "FATAL"), (40_000, "ERROR"), (30_000, "WARN"), (20_000, "INFO"),
                 (10_000, "DEBUG"), (5_000, "TRACE"))  # fmt: skip
OTEL_MAX: Final = 24


def level_of(value: Any, numbers: Numbers = Numbers.LOGGER) -> str | None:
    """The level that a word or a number means; None when it means none. Raises nothing."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        return _of_number(int(value), numbers) if abs(value) < 1e6 else None  # noqa: PLR2004
    if not isinstance(value, str):
        return None
    text = _ANSI.sub("", value).strip()[:40]
    if number := _LEVEL_NUMBER.fullmatch(text):
        return _of_number(int(number[1]), numbers)
    return _WORDS.get(_NOT_LETTER.sub("", text).upper())


def without_colours(text: str) -> str:
    """Text without the escape sequences of a terminal."""
    return _ANSI.sub("", text) if "\x1b" in text else text


def _of_number(number: int, numbers: Numbers) -> str | None:
    if numbers is Numbers.SYSLOG:
        return _SYSLOG[number] if 0 <= number < len(_SYSLOG) else None
    if numbers is Numbers.OTEL:
        return _OTEL[(number - 1) // 4] if 1 <= number <= OTEL_MAX else None
    scale = _LOG4J if number > 1_000 else _BUNYAN  # noqa: PLR2004
    # A level of somebody's own counts as the next lower known one.
    return next((level for bound, level in scale if number >= bound), None)


# Words at the start of a line of plain text: `ERROR`, `[error]`, `<err>:`, `WARN -`.
_LEADING = re.compile(
    r"[\s\[\(<|*-]{0,4}(?P<word>[A-Za-z]{1,13})(?=[\s\]\)>:|,.-]|$)[\]\)>:|]*\s?", re.ASCII
)
_NAMES: Final = frozenset(word for word in _WORDS if len(word) > 2) - {  # noqa: PLR2004
    "ALL", "NOTE", "LOG", "HTTP", "FAIL", "FAILURE", "FAILED", "EXCEPTION", "CONFIG", "FINE",
}  # fmt: skip


def leading_level(text: str, start: int = 0) -> tuple[str, int] | None:
    """The level word that a line begins with, and where the rest begins.

    A word in lower or mixed case counts only with a bracket or a colon at it: "Error reading x"
    and "info desk closed" begin with a word of their sentence.
    """
    match = _LEADING.match(text, start)
    if match is None:
        return None
    word = match["word"]
    if word.upper() not in _NAMES:
        return None
    marked = match[0].strip() != word
    if not word.isupper() and not marked:
        return None
    return _WORDS[word.upper()], match.end()


_SIGNS_OF_FATAL = re.compile(
    r"\b(panic:|(?i:fatal error)\b|FATAL\b|CRITICAL\b|OutOfMemoryError|segmentation fault"
    r"|core dumped)"
)
_SIGNS_OF_ERROR = re.compile(
    r"(\bERROR\b|\bSEVERE\b|\berror:|\[error\]|^Traceback \(most recent call last\)|"
    r"\b(?:[a-z]\w*\.)+[A-Z]\w*(?:Exception|Error)\b|^\s*[A-Z]\w*(?:Exception|Error):|"
    r"^Exception in thread|\bUnhandled (?:exception|rejection)\b)",
    re.MULTILINE,
)
_SIGNS_OF_WARN = re.compile(r"(\bWARN(?:ING)?\b|\bwarning:|\[warn(?:ing)?\]|\bdeprecated\b)")
_GUESS_CHARS: Final = 4_000


def guessed_level(text: str) -> str:
    """What the text of a record without any level sounds like; INFO without a sign of trouble.

    Whoever uses it marks the event: a guess is no statement of the source.
    """
    text = text[:_GUESS_CHARS]
    if _SIGNS_OF_FATAL.search(text):
        return "FATAL"
    if _SIGNS_OF_ERROR.search(text):
        return "ERROR"
    return "WARN" if _SIGNS_OF_WARN.search(text) else "INFO"
