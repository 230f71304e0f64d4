"""A learned pattern, and the template that it names. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from firstcause.derived_ids import derived_id
from log_templates.mask import VARIABLE
from log_templates.tokens import ANY, MASK

Tokens = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Pattern:
    """One entry of a leaf: `tokens` that messages must fit, and the template they belong to."""

    leaf: int
    template_id: UUID
    tokens: Tokens

    @property
    def text(self) -> str:
        """The template's text as this pattern knows it."""
        return text_of(self.tokens)


def text_of(tokens: Tokens) -> str:
    """Tokens as people read them."""
    return "".join(tokens).replace(VARIABLE, MASK).replace(ANY, MASK)


def template_id_of(text: str) -> UUID:
    """The id of a template by the text that it was first seen with."""
    return derived_id("template", text)
