"""What of a log line is surely variable: masked before any learning. Pure; no state but a cache.

Each variable becomes the one character `VARIABLE`, which no cleaned line can hold. One set of
rules serves all sources; a rule names a form (an address, a size, a date), never a system.
"""

from __future__ import annotations

import functools
import re
from typing import Final

from log_templates.words import is_outcome

VARIABLE: Final = "\x00"

# What comes after so many characters of a message names nothing any more.
MAX_MESSAGE_CHARS: Final = 2_000
# A list that is cut goes on to the end of its line: so much of that is looked at.
TAIL_CHARS: Final = 300
LIST_COMMAS: Final = 3
IPV6_COLONS: Final = 7

_ANSI: Final = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?)")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")

# A quoted request line keeps its verb: GET and DELETE are different things to do.
_QUOTED: Final = re.compile(
    r"(?<!\w)\"(?:(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) )?[^\"]*\"|(?<![\w\\])'[^']*'(?!\w)"
)
_SENTENCE_SPACES: Final = 3

# What programs print for values of their own types: dates, decimals, ids.
_PRINTED: Final = re.compile(
    r"\b(?:datetime\.)?(?:datetime|date|time|timedelta|timezone|Timestamp|Decimal|UUID|ObjectId|ISODate"
    r"|Date|Instant|Duration|Fraction|PosixPath)\((?:[^()]|\([^()]*\)){0,300}\)"
)
# An address may hold an apostrophe, which opens no quotation then.
_EMAIL: Final = re.compile(
    r"(?<![\w.+\-'])[\w.+\-][\w.+\-']{0,63}@[\w\-]+(?:\.[\w\-]+)+(?![\w.]*:\d)"
)
# Names that the JVM makes up at each start, of which the part before stays.
_MADE_UP: Final = re.compile(
    r"\$\$[A-Za-z_]\w*(?:[$/@]+\w+)*|\$(?:Proxy|HibernateProxy|ByteBuddy|MockitoMock|SpringCGLIB|Lambda"
    r"|anonfun|jvst)[\w$/@]*|(?<=[A-Za-z]@)(?=[0-9a-f]{3,8}(?![\w.]))(?=[a-f]*\d)[0-9a-f]+"
)
# An IPv6 address as logs write it: with a zone, in brackets, with a colon or a backslash behind it.
_IPV6: Final = re.compile(
    r"(?<![\w:.\[])(?P<open>\[)?(?:(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}|(?:[0-9a-fA-F]{1,4}:){1,7}:"
    r"(?:[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,6})?|::[0-9a-fA-F]{1,4}(?::[0-9a-fA-F]{1,4}){0,6}"
    r"|(?:[0-9a-fA-F]{0,4}:){2,7}(?:\d{1,3}\.){3}\d{1,3})(?:%[\w.\-]{1,20})?(?:/\d{1,3})?"
    r"(?(open)\](?::\d{1,5})?)(?![\w:])[\\]?"
    r"|(?<![\w:.])(?:[0-9a-fA-F]{1,4}:){7}[0-9a-fA-F]{1,4}:(?:\d{1,5})?(?!\w)"
)
# A yes or no as the value of a key, unless the key says that it is the outcome.
_FLAG: Final = re.compile(r"=(?:[Tt]rue|[Ff]alse|None)(?![\w.])")
_OUTCOME_KEY: Final = re.compile(
    r"(?i:(?:success\w*|ok|valid|fail\w*|error|status|state|result|healthy|alive|ready)$)"
)
# Digits that must not be masked come as these, one for one.
_KEPT_DIGITS: Final = str.maketrans("0123456789", "".join(map(chr, range(0xE000, 0xE00A))))
_DIGITS_AGAIN: Final = {after: before for before, after in _KEPT_DIGITS.items()}

# Forms within one word, in this order: what may hold the others comes first.
_IN_WORD: Final = re.compile(
    "|".join(
        (
            r"<\*>",
            r"(?<![A-Za-z0-9])[A-Za-z][A-Za-z0-9+.\-]*://[^\s\"'<>\[\](){},\x00]+",
            # Windows paths, then UUIDs, then MAC and IPv6 addresses, which may start with letters.
            r"(?<![A-Za-z0-9])[A-Za-z]:\\[^\s,;\"'<>|\x00]*",
            r"(?<![\w\-])[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}(?![\w\-])",
            r"(?<![\w:])(?:[0-9a-fA-F]{1,4}:{1,2}){3,}[0-9a-fA-F]{1,4}(?!\w)",
            # A UUID in Base64.
            r"(?<![\w\-])(?=[\w\-]*\d)(?=[\w\-]*[a-z])(?=[\w\-]*[A-Z])[\w\-]{22}(?![\w\-])",
            # Host names: a known last label, or a country's after two others; no Java package.
            r"(?<![\w.\-@])(?!(?:com|org|net|edu|io|java|javax)\.)(?:[A-Za-z0-9][\w\-]*\.)+"
            r"(?:com|net|org|edu|gov|mil|info|biz|arpa|local|localdomain|lan|internal|cloud)"
            r"(?::\d+)?(?!\.?\w)",
            r"(?<![\w.\-@])(?!(?:com|org|net|edu|io|java|javax)\.)(?:[A-Za-z0-9][\w\-]*\.){2,}"
            r"[a-z]{2}(?::\d+)?(?!\.?\w)",
            r"(?<![\w.\-@])[a-z0-9\-]+(?:\.[a-z0-9\-]+)+:\d+(?!\w)",
            r"(?<![\w/.<>])/(?=[\w.%~$@+\-])[^\s,;:\"'()\[\]{}<>|=\x00]+",
            # Hex without a digit, if it is longer than words of these letters are.
            r"(?<![A-Za-z0-9])(?:[a-f]{8,}|[A-F]{8,})(?![A-Za-z0-9])",
            # Any chunk with a digit, and what hangs on to it: ids, numbers, versions, times. Words
            # tied to it by _ or - stay (blk_17, node-3), and so does a long name before it.
            r"(?:(?<![A-Za-z0-9])[+\-])?(?:(?<![A-Za-z0-9])[A-Za-z]{1,9})?\d\w*"
            r"(?:[.\-~%@$/\\+]\w+|:{1,2}[0-9a-fA-F]+(?!\w))*%?",
        )
    )
)

_CALENDAR: Final = "\x02"  # stands before a word that belongs to a date if one is beside it
_CALENDAR_WORD: Final = re.compile(
    r"(?<![A-Za-z])(?=(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun"
    r"|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)(?![A-Za-z]))"
)

_DATE: Final = re.compile(
    r"(?:\x02\w+,? )*(?:\x00,? )?\x02\w+ \x00(?:,? \x00)*(?: (?:[AP]M|UTC|GMT|[A-Z]{1,3}[SD]T)\b)?"
    r"(?: \x00)*|\x02\w+, \x00"
)
_ZONE: Final = re.compile(r"\x00 (?:[AP]M|UTC|GMT)\b")
# "18846 bytes (18.4 KB)" says one size twice.
_SIZE_TWICE: Final = re.compile(r"\x00(?: bytes?)? \(\x00 [KMGTP]i?B\)")
_UNIT: Final = re.compile(
    r"[<>~]?\x00 (?:bytes?|[kKMGTP]i?[bB]|B|[numµ]?s|secs?|seconds?|msecs?|milliseconds?"
    r"|mins?|minutes?|hrs?|hours?|days?)\b"
)
_LESS_THAN: Final = re.compile(r"[<>~]\x00(?!>)")
# Numbers, addresses and the like that stand together are one variable, however many they are.
_RUN: Final = re.compile(r"\x00(?:[^\w\s=()\[\]{}<>\"'\x00]{0,2} ?\x00)+")


def clean_line(message: str) -> str:
    """The message's first line that has any text, with single spaces, within a bounded length.

    Of a long list its first and last entries stay, so that its length makes no difference.
    """
    line = message[:MAX_MESSAGE_CHARS]
    if len(message) > MAX_MESSAGE_CHARS:
        line = _without_middle(message)
    if not line.isprintable():
        line = _ANSI.sub("", line)
        line = next((part for part in line.splitlines() if part.strip()), "")
        line = _CONTROL.sub(" ", line)
    return " ".join(line.split())


def _without_middle(message: str) -> str:
    """A message that is cut; one whose cut goes through a list keeps the list's end as well."""
    head = message[:MAX_MESSAGE_CHARS]
    end = message.find("\n", MAX_MESSAGE_CHARS)
    tail = message[max(MAX_MESSAGE_CHARS, (end if end >= 0 else len(message)) - TAIL_CHARS) :]
    tail = tail.split("\n", 1)[0]
    entries = head[-TAIL_CHARS:].rsplit(",", LIST_COMMAS)
    plain = len(entries) > LIST_COMMAS and not set("=(){}[]:") & set("".join(entries[1:]))
    if not plain or "," not in tail or "\n" in head:
        return head
    return head[: head.rindex(",") + 1] + tail[tail.index(",") + 1 :]


def masked_line(line: str) -> str:
    """A cleaned line with every part that is surely variable as `VARIABLE`."""
    if "(" in line:
        line = _PRINTED.sub(VARIABLE, line)
    if "@" in line or "$" in line:
        line = _MADE_UP.sub(VARIABLE, _EMAIL.sub(VARIABLE, line))
    if "::" in line or line.count(":") >= IPV6_COLONS:
        line = _IPV6.sub(VARIABLE, line)
    if '"' in line or "'" in line:
        line = _QUOTED.sub(_quotation, line)
    if "=" in line:
        line = _FLAG.sub(_flag, line)
    text = " ".join([_masked_word(word) for word in line.split(" ")])
    if VARIABLE in text:
        if _CALENDAR in text:
            text = _DATE.sub(VARIABLE, text)
        text = _SIZE_TWICE.sub(VARIABLE, text)
        text = _UNIT.sub(VARIABLE, _ZONE.sub(VARIABLE, text))
        text = _LESS_THAN.sub(VARIABLE, text)
        text = _RUN.sub(VARIABLE, text)
    return text.replace(_CALENDAR, "").translate(_DIGITS_AGAIN)


def kept_digits(text: str) -> str:
    """Text whose digits no mask takes for a variable; `add` of a miner shows them as they were."""
    return text.translate(_KEPT_DIGITS)


def shown_digits(text: str) -> str:
    """Text with the digits of `kept_digits` as they were."""
    return text.translate(_DIGITS_AGAIN)


def _flag(match: re.Match[str]) -> str:
    line, at = match.string, match.start()
    return match[0] if _OUTCOME_KEY.search(line, max(0, at - 20), at) else "=" + VARIABLE


def joined_runs(text: str) -> str:
    """A masked text in which neighbouring variables are one."""
    return _RUN.sub(VARIABLE, text)


def _quotation(match: re.Match[str]) -> str:
    if match[1]:
        return f'"{match[1]} {VARIABLE}"'
    quoted = match[0][1:-1]
    # A state, a whole sentence, and a line that is nothing but a quotation: worth reading.
    is_sentence = quoted.endswith(".") and quoted.count(" ") >= _SENTENCE_SPACES
    if (is_outcome(quoted) and quoted.isalpha()) or is_sentence or match[0] == match.string:
        return match[0]
    return VARIABLE


@functools.lru_cache(maxsize=20_000)
def _masked_word(word: str) -> str:
    return _IN_WORD.sub(VARIABLE, _CALENDAR_WORD.sub(_CALENDAR, word))
