"""What the parser did not expect, in words for people. Pure."""

from __future__ import annotations

from typing import Final

from lark import Token
from lark.exceptions import UnexpectedInput, UnexpectedToken

from search.query.mistake import QueryError

_RANGE: Final = "A range is written as [500 TO 599] or [500 TO *]"

# By the character that is found.
_FOUND: Final = {
    '"': 'This quote is not closed: put a " at the end of the phrase.',
    "\\": r"Nothing follows this backslash; a backslash itself is \\.",
    ")": "Nothing stands before this parenthesis, or it closes none.",
}


def mistake_of(error: UnexpectedInput, text: str, last: Token | None) -> QueryError:
    """The mistake that the parser's error tells; `last` is the last token that it took."""
    kind = None if last is None else last.type
    if isinstance(error, UnexpectedToken) and error.token.type == "$END":
        return QueryError(_at_end(kind, last), text, len(text))
    position = len(text) if error.pos_in_stream is None else error.pos_in_stream
    found = text[position : position + 1]
    return QueryError(_FOUND.get(found) or _after(kind, last, found), text, position)


def _after(kind: str | None, last: Token | None, found: str) -> str:
    if kind in ("FIELD", "COMPARE"):
        return f"A value is missing after {last}"
    if kind in ("FROM", "AFTER", "BOUND", "_TO"):
        return f"{_RANGE}."
    if kind in (None, "_AND", "_OR", "NOT", "_OPEN"):
        return "Something to search for is missing here."
    return f"{found or 'This'} can't stand here: put text with signs in quotes."


def _at_end(kind: str | None, last: Token | None) -> str:
    if kind in ("FIELD", "COMPARE"):
        return f"A value is missing after {last}"
    if kind in ("FROM", "AFTER", "BOUND", "_TO"):
        return f"{_RANGE}; this one is not closed."
    if kind in ("_AND", "_OR", "NOT", "MINUS", "_PLUS"):
        return f"Something to search for is missing after {last}; the word itself stands in quotes."
    if kind == "_OPEN":
        return "Something to search for is missing after this parenthesis."
    return "A parenthesis is not closed."
