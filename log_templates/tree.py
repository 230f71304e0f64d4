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

from firstcause.derived_ids import derived_id
from log_templates.mask import VARIABLE
from log_templates.tokens import ANY, MASK, as_any, fits, is_word, may_vary, route_word
from log_templates.words import are_names, is_qualified_name, tells_apart

# Together they bound the memory: hostile text can't learn more patterns than this.
LEAVES: Final = 256
PATTERNS_OF_A_LEAF: Final = 128

# So many distinct words at one place, all else equal, and it is a variable; states are fewer.
DISTINCT_VALUES: Final = 8
DIFFERENCES_AT_ONCE: Final = 2

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
class TemplateTree:
    """The patterns that one process knows, by leaf, in the order in which they were learned."""

    _leaves: dict[int, list[Pattern]] = field(default_factory=dict)
    _templates: dict[UUID, KnownTemplate] = field(
        default_factory=lambda: {CATCH_ALL: KnownTemplate(CATCH_ALL, MASK)}
    )

    def size(self, leaf: int) -> int:
        """How many patterns a leaf has."""
        return len(self._leaves.get(leaf, ()))

    def match(self, leaf: int, tokens: Tokens) -> Pattern | None:
        """The first pattern of the leaf that fits; None for a message not seen yet."""
        for pattern in self._leaves.get(leaf, ()):
            if len(pattern.tokens) == len(tokens) and all(
                known == token or fits(known, token)
                for known, token in zip(pattern.tokens, tokens, strict=True)
            ):
                return pattern
        return None

    def propose(self, leaf: int, tokens: Tokens) -> Pattern | None:
        """What to learn from a message that nothing fits; None when the leaf is full.

        Depends on the leaf's patterns and the message alone, so all instances propose the same.
        """
        known = self._leaves.get(leaf, [])
        if len(known) >= PATTERNS_OF_A_LEAF:
            return None
        general = _generalised(known, tokens)
        return general or Pattern(leaf, template_id_of(text_of(tokens)), tokens)

    def learn(self, pattern: Pattern) -> None:
        """Appends a pattern to its leaf."""
        self._leaves.setdefault(pattern.leaf, []).append(pattern)
        known = self._templates.get(pattern.template_id)
        if known is None:
            known = KnownTemplate(pattern.template_id, pattern.text)
            self._templates[pattern.template_id] = known
        known.generalise(pattern.text)

    def template(self, template_id: UUID) -> KnownTemplate:
        """A template that some pattern names, or the one of all that found no place."""
        return self._templates[template_id]

    def patterns(self) -> Iterator[Pattern]:
        """All patterns; learned in this order by another tree they make it the same."""
        for leaf in self._leaves.values():
            yield from leaf


def _generalised(known: list[Pattern], tokens: Tokens) -> Pattern | None:
    """The nearest pattern with its differing places open, if all of these are variables."""
    near: list[tuple[int, Pattern, list[int]]] = []
    words: dict[int, set[str]] = {}
    # The newest pattern of each template: what is generalised further must fit all it fitted.
    for pattern in {one.template_id: one for one in known}.values():
        differing = _differences(pattern.tokens, tokens)
        if differing is None:
            continue
        unexpected = [place for place in differing if not _is_expected(pattern, tokens, place)]
        if len(unexpected) > DIFFERENCES_AT_ONCE:
            continue
        near.append((len(differing), pattern, unexpected))
        for place in unexpected:
            words.setdefault(place, set()).add(pattern.tokens[place])
    for _, pattern, unexpected in sorted(near, key=lambda one: one[0]):
        if all(
            _proved(words[place] | {tokens[place]}, pattern.tokens[place], tokens[place])
            for place in unexpected
        ):
            opened = tuple(
                one if fits(one, token) else as_any(one)
                for one, token in zip(pattern.tokens, tokens, strict=True)
            )
            return Pattern(pattern.leaf, pattern.template_id, opened)
    return None


def _differences(known: Tokens, tokens: Tokens) -> list[int] | None:
    """The places at which two messages differ; None when they are no forms of one template."""
    if len(known) != len(tokens):
        return None
    differing: list[int] = []
    for place, (one, other) in enumerate(zip(known, tokens, strict=True)):
        if fits(one, other):
            continue
        same_kind = is_word(one) and is_word(other) and (one[0] == " ") == (other[0] == " ")
        if not same_kind or 2 * len(differing) > len(tokens):
            return None
        differing.append(place)
    return differing


def _is_expected(pattern: Pattern, tokens: Tokens, place: int) -> bool:
    one, other = pattern.tokens[place], tokens[place]
    if (is_qualified_name(one) and is_qualified_name(other)) or are_names(one, other):
        return True
    return may_vary(tokens, place) and not tells_apart(one) and not tells_apart(other)


def _proved(words: set[str], one: str, other: str) -> bool:
    if tells_apart(one) or tells_apart(other):
        return False
    return sum(not tells_apart(word) for word in words) >= DISTINCT_VALUES
