"""Message templates: what is left of a log message when its variables are masked.

The door is `TemplateMiner.add`; what stands behind it may learn from the stream later.
"""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from firstcause.identity import derived_id

MASK: Final = "<*>"

# A template is a name for a group. What comes after so many characters names nothing any more.
MAX_MESSAGE_CHARS: Final = 600
MAX_TEMPLATE_CHARS: Final = 300

# In this order: what may hold the others comes first.
_MASKS: Final = re.compile(
    "|".join(
        (
            r"https?://[^\s\"'<>]+",
            r"(?<!\w)\"[^\"]*\"",
            r"(?<!\w)'[^']*'(?!\w)",
            r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+",
            r"\b[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\b",
            r"\b0[xX][0-9a-fA-F]+\b",
            # Hex that could be a word ("added", "facade") stays; 8 digits and more are an id.
            r"\b[0-9a-fA-F]{8,}\b",
            r"(?<![\w/])/(?:[\w.%~@+\-]+/?)[\w.%~@+\-/]*",
            # Any run that holds a digit: numbers, times, addresses, versions, order-4711, 3.5ms.
            r"[\w\-.:,+]*\d[\w\-.:,+%]*",
        )
    )
)
_MASK_RUN: Final = re.compile(r"<\*>(?:[\s,;]*<\*>)+")


@dataclass(frozen=True, slots=True)
class Template:
    """What a message was made of: a name for it, its constant text, its variable parts."""

    template_id: UUID
    text: str
    parameters: tuple[str, ...]


def mask(message: str) -> tuple[str, tuple[str, ...]]:
    """The message's first line with its variables as `<*>`, and those variables in order.

    Pure. Lists of variables become one `<*>`, so that their length makes no difference; a
    message without any text is named `<empty>`.
    """
    line = next((part for part in message[:MAX_MESSAGE_CHARS].splitlines() if part.strip()), "")
    parameters: list[str] = []

    def replace(match: re.Match[str]) -> str:
        parameters.append(match[0])
        return MASK

    masked = _MASK_RUN.sub(MASK, _MASKS.sub(replace, line))
    text = " ".join(masked.split())[:MAX_TEMPLATE_CHARS].rstrip()
    return text or "<empty>", tuple(parameters)


class TemplateMiner:
    """Names the template of each message.

    This version masks only and keeps no state, so all instances of the group agree at any time.
    """

    def add(self, message: str) -> Template:
        """The template of `message`. Raises nothing, whatever the text."""
        text, parameters = mask(message)
        return Template(_template_id(text), text, parameters)


@functools.lru_cache(maxsize=10_000)
def _template_id(text: str) -> UUID:
    return derived_id("template", text)
