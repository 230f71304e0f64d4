"""Makes untrusted text safe to print: no control characters, no markup."""

from __future__ import annotations

REPLACEMENT = "\ufffd"


def printable(text: str) -> str:
    """The text with `REPLACEMENT` for each sign that is no letter, figure, mark or plain space.

    Wrap it in `rich.text.Text` where it is printed, so that brackets are no markup.
    """
    return "".join(sign if sign.isprintable() else REPLACEMENT for sign in text)
