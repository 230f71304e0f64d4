"""Makes text from logs, models and people inert for Slack, and cuts it. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from typing import Final

ELLIPSIS: Final = "…"
# An invisible character that joins: it takes the meaning from what it is put into.
_JOINER: Final = "\u2060"
_COMBINING_IN_A_ROW: Final = 2
# Text is cut to so many characters before anything else is done with it.
_LOOKED_AT: Final = 5_000

_ANSI: Final = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b[@-_]")
_ADDRESS: Final = re.compile(r"(?i)://|\bwww\.|\bmailto:|\btel:")
# A time of day has colons too, and is to be copied as it is.
_EMOJI: Final = re.compile(r"(?<!\d):(?=[\w+'-]+:)|:(?=[\w+'-]*[^\W\d][\w+'-]*:)")
_SINGLE_UNDERSCORE: Final = re.compile(r"(?<!\w)_+|_+(?!\w)")
_LOOKALIKES: Final = str.maketrans({"*": "\u2217", "~": "\u223c", "`": "'"})
_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def length(text: str) -> int:
    """The length as Slack may count it: UTF-16 code units, the largest of the usual counts."""
    return len(text) + sum(char > "\uffff" for char in text)


def one_line(text: str) -> str:
    """`text` as one line of inert text.

    Terminal sequences go; control, format and direction characters become blanks, as do line
    breaks of any kind; a pile of combining marks is cut; an `@` is kept from being a mention.
    """
    shown = _ANSI.sub("", text[:_LOOKED_AT])
    if not shown.isprintable():
        # Just what Unicode calls control, format, private, unassigned or a separator.
        shown = "".join(char if char.isprintable() else " " for char in shown)
    if not shown.isascii():
        shown = _without_piles(shown)
    return " ".join(shown.split()).replace("@", "@" + _JOINER)


def _without_piles(text: str) -> str:
    kept: list[str] = []
    marks = 0
    for char in text:
        marks = marks + 1 if unicodedata.category(char) in ("Mn", "Me") else 0
        if marks <= _COMBINING_IN_A_ROW:
            kept.append(char)
    return "".join(kept)


def escaped(text: str) -> str:
    """Wording of ours in a mrkdwn object: `&`, `<` and `>` as Slack asks, else as it is."""
    return "".join(_ESCAPES.get(char, char) for char in text)


def plain(text: str, limit: int) -> str:
    """Text for a plain_text object, which has no markup: one line of at most `limit`."""
    return _cut(one_line(text), limit, escape=False)


def inert(text: str, limit: int) -> str:
    """For a mrkdwn object: one line that makes no link, mention, emoji or format.

    `&`, `<` and `>` are escaped as Slack asks. Marks of formatting become characters that look
    alike. At most `limit` long after escaping; a cut ends with an ellipsis, never in an escape.
    """
    line = _ADDRESS.sub(lambda found: found[0][0] + _JOINER + found[0][1:], one_line(text))
    line = _EMOJI.sub(":" + _JOINER, line.translate(_LOOKALIKES))
    line = _SINGLE_UNDERSCORE.sub(lambda found: "\uff3f" * len(found[0]), line)
    # A quote is one at the start of a line only.
    return _cut(_JOINER + line if line.startswith(">") else line, limit, escape=True)


def code(text: str, limit: int) -> str:
    """For between two backticks or six: as `inert`, but with all marks of formatting kept.

    Between backticks Slack reads no format, so that names can be copied as they are.
    """
    line = _ADDRESS.sub(lambda found: found[0][0] + _JOINER + found[0][1:], one_line(text))
    return _cut(line.replace("`", "'") or " ", limit, escape=True)


def whole_lines(lines: Iterable[str], limit: int) -> str:
    """As many whole lines as fit into `limit`; a last line tells how many are left out."""
    kept: list[str] = []
    given = list(lines)
    used = 0
    for line in given:
        used += length(line) + 1
        if used > limit - len("… and 1,000,000 more"):
            break
        kept.append(line)
    left = len(given) - len(kept)
    return "\n".join([*kept, f"… and {left:,} more"] if left else kept)


def _cut(text: str, limit: int, *, escape: bool) -> str:
    def shown(char: str) -> str:
        return _ESCAPES.get(char, char) if escape else char

    used, kept = 0, []
    for char in text:
        piece = shown(char)
        used += length(piece)
        if used > limit:
            break
        kept.append(piece)
    else:
        return "".join(kept)
    while kept and sum(map(length, kept)) > limit - len(ELLIPSIS):
        kept.pop()
    return "".join(kept).rstrip() + ELLIPSIS
