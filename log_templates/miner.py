"""Message templates: what is left of a log message when its variables are masked.

The door is `TemplateMiner.add`. `SharedTemplateMiner` (firstcause.templates) has the same door and
keeps what it learns in Cassandra.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from log_templates.mask import clean_line, masked_line, shown_digits
from log_templates.pattern import Pattern, Tokens, template_id_of
from log_templates.tokens import MASK, MAX_TEMPLATE_CHARS, tokens_of
from log_templates.tree import CATCH_ALL, KnownTemplate, TemplateTree, leaf_of

__all__ = ["MASK", "MAX_TEMPLATE_CHARS", "Template", "TemplateMiner"]

EMPTY: Final = "<empty>"
_REMEMBERED_LINES: Final = 20_000


@dataclass(frozen=True, slots=True)
class Template:
    """What a message was made of: a name for it, its constant text, its variable parts.

    `parameters` put in order into the `<*>` of `text` give the message's first line back, with
    single spaces. `template_id` stays when the text is generalised by later messages.
    """

    template_id: UUID
    text: str
    parameters: tuple[str, ...]


class TemplateMiner:
    """Learns the templates of a stream of messages and names that of each. Not for two threads.

    Memory is bounded; what exceeds the bound gets the template `<*>`. A message that is added
    again gets the same id again, at any time and after any other messages.
    """

    def __init__(self) -> None:
        self._tree = TemplateTree()
        # Only a short cut: what the tree would say again.
        self._lines: dict[str, KnownTemplate] = {}

    def add(self, message: str) -> Template:
        """The template of `message`, learned if it is new. Raises nothing, whatever the text."""
        line = clean_line(message)
        if not line:
            return Template(template_id_of(EMPTY), EMPTY, ())
        masked = masked_line(line)
        known = self._lines.get(masked)
        if known is None:
            known = self._tree.template(self._find(tokens_of(masked)))
            if len(self._lines) >= _REMEMBERED_LINES:
                self._lines.clear()
            if known.template_id != CATCH_ALL:  # It may find a place later.
                self._lines[masked] = known
        return Template(known.template_id, known.text, known.parameters(shown_digits(line)))

    def patterns(self) -> tuple[Pattern, ...]:
        """All that was learned, for `restore`."""
        return tuple(self._tree.patterns())

    def restore(self, patterns: Iterable[Pattern]) -> None:
        """Learns what another miner has learned, in its order, before the first `add`."""
        for pattern in patterns:
            self._learned(pattern)

    def _find(self, tokens: Tokens) -> UUID:
        leaf = leaf_of(tokens)
        known = self._tree.match(leaf, tokens)
        if known is not None and not self._tree.has_aged(known):
            return known.template_id
        return self._learn(leaf, tokens)

    def _learn(self, leaf: int, tokens: Tokens) -> UUID:
        # One that keeps nothing beyond its own run needs no ageing: a full leaf stays full.
        if self._tree.is_full(leaf):
            return CATCH_ALL
        proposed = self._tree.propose(leaf, tokens)
        self._learned(proposed)
        return proposed.template_id

    def _learned(self, pattern: Pattern) -> None:
        if self._tree.learn(pattern):
            # Lines whose pattern was forgotten are matched anew.
            self._lines.clear()
