"""Estimates an upper bound of a text's tokens without the model's tokenizer."""

from __future__ import annotations

import re
from typing import Final

# Near to the pieces that a tokenizer splits a text into before it looks for tokens: words at a
# change of case, with the blank before them; what holds a digit; blanks; marks.
_PIECES: Final = re.compile(
    r"(?P<mixed>[A-Za-z]{0,40}[0-9][A-Za-z0-9]*)|(?P<word> ?(?:[A-Z]?[a-z]+|[A-Z]+(?![a-z])))"
    r"|(?P<blank>\s+)|(?P<other>.)"
)
LETTERS_OF_A_TOKEN: Final = 3


def estimated_tokens(text: str) -> int:
    """An upper estimate of the input tokens of `text`; linear. Pure.

    It is conservative in four ways. What holds a digit (numbers, ids, hex) costs a token for each
    character, and so does each mark, though runs of marks share one. A word costs one for each
    three letters begun, where English has four to five. A character outside of ASCII costs its
    bytes in UTF-8. A blank costs one where no word follows. Only long words that are no words of
    any language can cost more than this.
    """
    total = 0
    for match in _PIECES.finditer(text):
        piece = match[0]
        if match.lastgroup == "word":
            total += -(-len(piece.strip()) // LETTERS_OF_A_TOKEN)
        elif match.lastgroup == "blank":
            total += 1
        else:
            total += len(piece.encode("utf-8", "replace"))
    return total
