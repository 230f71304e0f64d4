"""A mistake in a query: where it is, and what would be right."""

from __future__ import annotations

from typing import Final

from firstcause.errors import FirstcauseError

_SHOWN_CHARS: Final = 60


class QueryError(FirstcauseError):
    """The text is no query.

    Attributes:
        position: of the mistake in the text, in characters from 0; the text's length is its end.
        message: what is wrong and what would be right, one line.
        text: the query.
    """

    def __init__(self, message: str, text: str, position: int) -> None:
        super().__init__(f"{message} (at character {position + 1})")
        self.message = message
        self.text = text
        self.position = position

    def pointed(self) -> str:
        """Two lines for a terminal: what stands around the mistake, and a caret below it."""
        start = max(0, self.position - _SHOWN_CHARS)
        shown = self.text[start : self.position + _SHOWN_CHARS]
        line = "".join(char if char.isprintable() else " " for char in shown)
        return f"{line}\n{' ' * (self.position - start)}^"
