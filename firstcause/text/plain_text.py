"""Turns untrusted text into one plain, bounded line for prompts, terminals and messages."""

from __future__ import annotations

import unicodedata
from typing import Final

# Control, format (bidirectional marks, zero width, tags), surrogate, private use, unassigned.
_INVISIBLE: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn"})
# So much is looked at for each character that is kept: what follows can't be seen anyway.
LOOKED_AT: Final = 20


def plain_line(text: str, limit: int) -> str:
    """`text` as one line of at most `limit` characters, without characters that nobody sees.

    Runs of blanks and line ends are one blank. Pure.
    """
    looked_at = text[: limit * LOOKED_AT]
    spaced = "".join(
        " " if one.isspace() else "" if unicodedata.category(one) in _INVISIBLE else one
        for one in looked_at
    )
    return " ".join(spaced.split())[:limit]
