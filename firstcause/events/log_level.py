"""Maps the levels of all common loggers to the six levels of a log event. Pure.

The Spark expressions (`spark/records/log_fields.py`) use the same tables and patterns.
"""

from __future__ import annotations

import re
from typing import Final

from firstcause.events.message_json import END

# Syslog, java.util.logging, log4j, .NET, Serilog, zap, zerolog, npm, glog, Android.
_WORDS: Final[dict[str, tuple[str, ...]]] = {
    "INFO": ("INFO", "INFORMATION", "INFORMATIONAL", "INF", "I", "NOTICE", "N", "SUCCESS"),
    "DEBUG": ("DEBUG", "DBG", "DBUG", "D", "FINE", "CONFIG"),
    "WARN": ("WARN", "WARNING", "WRN", "W", "WARNUNG"),
    "ERROR": (
        *("ERROR", "ERR", "E", "SEVERE", "FAIL", "FAILED", "FAILURE", "EXCEPTION"),
        *("FEHLER", "ERREUR"),
    ),
    "TRACE": ("TRACE", "TRC", "TRCE", "T", "VERBOSE", "VRB", "V", "FINER", "FINEST", "SILLY"),
    "FATAL": (
        *("FATAL", "FTL", "F", "CRITICAL", "CRIT", "C", "ALERT", "A", "EMERGENCY", "EMERG"),
        *("PANIC", "PNC", "DPANIC", "FATAL ERROR"),
    ),
}

# Conventions overlap. Where they do, the one that is written as a number most often wins: syslog
# below 8 (GELF, journald), pino and bunyan for 10, 20, 30 ... 60 and what lies between, Monolog
# for hundreds, OpenTelemetry's severity number for the rest.
_NUMBERS: Final[dict[str, tuple[int, ...]]] = {
    "INFO": (5, 6, 9, 11, 12, *range(30, 40), 200, 250, 800, 20_000),
    "DEBUG": (7, 8, 20, *range(25, 30), 100, 700, 10_000),
    "WARN": (4, *range(13, 17), *range(40, 50), 300, 900, 30_000),
    "ERROR": (3, *range(17, 20), *range(50, 60), 400, 1_000, 40_000),
    "TRACE": (10, 5_000),
    "FATAL": (0, 1, 2, *range(21, 25), *range(60, 70), 500, 550, 600, 50_000),
}

# In capitals, without colours and what `DECORATION_PATTERN` finds -> one of the six levels.
LEVEL_ALIASES: Final[dict[str, str]] = {
    **{word: level for level, words in _WORDS.items() for word in words},
    # The short names of OpenTelemetry's finer steps.
    **{
        f"{level}{step}": level
        for level in ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")
        for step in (2, 3, 4)
    },
    **{str(number): level for level, numbers in _NUMBERS.items() for number in numbers},
}

# Colours of a terminal.
COLOUR_PATTERN: Final = "\x1b\\[[0-9;]*[A-Za-z]"
# All that is no letter or digit at either end: "[error]", "error:".
DECORATION_PATTERN: Final = rf"^[^A-Z0-9-]+|[^A-Z0-9]+{END}"

# What a log says that tells of an error, where its level is a word that nobody knows.
FAILURE_PATTERN: Final = (
    r"(?i)(^|[^a-z])(error|exception|fatal|panic|critical|traceback|fail|fails|failed|failure)"
    rf"([^a-z]|{END})"
)

_COLOUR = re.compile(COLOUR_PATTERN)
_DECORATION = re.compile(DECORATION_PATTERN)
_FAILURE = re.compile(FAILURE_PATTERN, re.ASCII)


def level_of(word: str) -> str | None:
    """The level that `word` means, in any of its spellings; None when nobody knows."""
    known = LEVEL_ALIASES.get(word)
    if known is not None:
        return known
    return LEVEL_ALIASES.get(_DECORATION.sub("", _COLOUR.sub("", word).upper()))


def guessed_level(word: str, message: str, exception: str | None) -> str:
    """ERROR or INFO for a log event whose level is the unknown `word`.

    ERROR where it has an exception, or where the word or the message names a failure.
    """
    told = f"{word} {message}"
    return "ERROR" if exception or _FAILURE.search(told) else "INFO"
