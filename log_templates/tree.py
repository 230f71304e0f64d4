"""The parse tree: patterns learned from messages, and the rules by which they are learned. Pure.

A fixed-depth tree in the manner of Drain (He et al., ICWS 2017): number of tokens, first constant
word, then the patterns of a leaf. Two things are different. A leaf is a log: patterns are only
appended, the first that fits a message decides, and a generalised pattern is appended with the
id of the one that it comes from; so the id that a message once got is its id for ever. And one
differing word does not merge two patterns: it must stand where a variable is expected, or the
place must have proved to be one by many distinct values.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

from log_templates.generalising import generalised
from log_templates.pattern import Pattern, Tokens, template_id_of, text_of
from log_templates.tokens import MASK, route_word, token_matches

# Together they bound the memory: hostile text can't learn more patterns than this.
LEAVES: Final = 256
PATTERNS_OF_A_LEAF: Final = 128

CATCH_ALL: Final = template_id_of(MASK)


def leaf_of(tokens: Tokens) -> int:
    """The leaf that a message belongs to; the same in every process."""
    return zlib.crc32(f"{len(tokens)} {route_word(tokens)}".encode()) % LEAVES


class KnownTemplate:
    """A template as the newest of its patterns has it."""

    __slots__ = ("_between", "_first", "_last", "template_id", "text")

    def __init__(self, template_id: UUID, text: str) -> None:
        self.template_id = template_id
        self.generalise(text)

    def generalise(self, text: str) -> None:
        """Takes a newer text."""
        self.text = text
        self._first, *between = text.split(MASK)
        self._last = between.pop() if between else None
        self._between = between

    def parameters(self, line: str) -> tuple[str, ...]:
        """What stands in `line` at the places of `<*>`; leftmost where that is open.

        A line that doesn't fit the text is one parameter: the whole line.
        """
        first, last = self._first, self._last
        if last is None:
            return () if line == self.text else (line,)
        place, end = len(first), len(line) - len(last)
        if end < place or not line.startswith(first) or not line.endswith(last):
            return (line,)
        found: list[str] = []
        for constant in self._between:
            at = line.find(constant, place, end)
            if at < 0:
                return (line,)
            found.append(line[place:at])
            place = at + len(constant)
        found.append(line[place:end])
        return tuple(found)


@dataclass(slots=True)
class _Leaf:
    """The patterns of a leaf from place `start` of its log on; older ones have aged."""

    start: int = 0
    patterns: list[Pattern] = field(default_factory=list)

    @property
    def size(self) -> int:
        return self.start + len(self.patterns)

    @property
    def generation(self) -> int:
        """Where the generation begins that is being filled, or was last."""
        return max(self.size - 1, 0) // PATTERNS_OF_A_LEAF * PATTERNS_OF_A_LEAF

    @property
    def newest(self) -> list[Pattern]:
        return self.patterns[max(0, self.generation - self.start) :]


@dataclass(slots=True)
class TemplateTree:
    """The patterns that one process knows, by leaf, in the order in which they were learned.

    A leaf's log has generations of `PATTERNS_OF_A_LEAF`. Two of them are known: the one that is
    being filled and the one before it. What of the older one is still met is learned again, with
    its id; so a template lives as long as messages have it, and what nobody logs any more ages.
    """

    _leaves: dict[int, _Leaf] = field(default_factory=dict)
    _templates: dict[UUID, KnownTemplate] = field(
        default_factory=lambda: {CATCH_ALL: KnownTemplate(CATCH_ALL, MASK)}
    )

    def size(self, leaf: int) -> int:
        """How many patterns the leaf's log has, those included that have aged."""
        return self._leaves[leaf].size if leaf in self._leaves else 0

    def begin(self, leaf: int, start: int) -> None:
        """A leaf of which nothing is known yet goes on from this place of its log."""
        self._leaves.setdefault(leaf, _Leaf(start))

    def is_known(self, leaf: int) -> bool:
        """True when the leaf's log was looked at."""
        return leaf in self._leaves

    def match(self, leaf: int, tokens: Tokens) -> Pattern | None:
        """The first pattern of the leaf that fits; None for a message not seen yet."""
        for pattern in self._leaves[leaf].patterns if leaf in self._leaves else ():
            if len(pattern.tokens) == len(tokens) and all(
                known == token or token_matches(known, token)
                for known, token in zip(pattern.tokens, tokens, strict=True)
            ):
                return pattern
        return None

    def has_aged(self, pattern: Pattern) -> bool:
        """True for a pattern of the older generation that the newer one has not taken over."""
        leaf = self._leaves[pattern.leaf]
        return leaf.generation > leaf.start and pattern not in leaf.newest

    def is_full(self, leaf: int) -> bool:
        """True when the next pattern would begin another generation."""
        size = self.size(leaf)
        return size > 0 and size % PATTERNS_OF_A_LEAF == 0

    def propose(self, leaf: int, tokens: Tokens) -> Pattern:
        """What to learn from a message that nothing fits.

        Depends on the leaf's patterns and the message alone, so all instances propose the same.
        """
        known = self._leaves[leaf].patterns if leaf in self._leaves else []
        general = generalised(known, tokens)
        return general or Pattern(leaf, template_id_of(text_of(tokens)), tokens)

    def learn(self, pattern: Pattern) -> bool:
        """Appends a pattern to its leaf; True when an older generation was forgotten by that."""
        leaf = self._leaves.setdefault(pattern.leaf, _Leaf())
        leaf.patterns.append(pattern)
        known = self._templates.get(pattern.template_id)
        if known is None:
            known = KnownTemplate(pattern.template_id, pattern.text)
            self._templates[pattern.template_id] = known
        known.generalise(pattern.text)
        aged = leaf.generation - PATTERNS_OF_A_LEAF - leaf.start
        if aged <= 0:
            return False
        gone = {one.template_id for one in leaf.patterns[:aged]}
        del leaf.patterns[:aged]
        leaf.start += aged
        for template_id in gone - {one.template_id for one in leaf.patterns}:
            self._templates.pop(template_id, None)
        return True

    def template(self, template_id: UUID) -> KnownTemplate:
        """A template that some pattern names, or the one of all that found no place."""
        return self._templates[template_id]

    def patterns(self) -> Iterator[Pattern]:
        """All patterns; learned in this order by another tree they make it the same."""
        for leaf in self._leaves.values():
            yield from leaf.patterns
