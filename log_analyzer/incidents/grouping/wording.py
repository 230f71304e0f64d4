"""Compares templates by their words. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Sequence


def word_count(template: str) -> int:
    """How many words of a template are no variable."""
    return sum(word[0].isalpha() for word in template.split())


def but_one_word(template: str) -> list[tuple[int, int, int]]:
    """A key for each word of a template: of its place, and of all that is said before and after.

    Two templates share the key of the one word in which they differ. The keys are hashes, so that
    all of them together take as long as the template is.
    """
    words = template.split()
    before, after = _hashes(words), _hashes(words[::-1])[::-1]
    return [(at, before[at], after[at + 1]) for at in range(len(words))]


def _hashes(words: Sequence[str]) -> list[int]:
    """The hashes of the first 0, 1, 2 … words."""
    return [*itertools.accumulate(words, lambda known, word: hash((known, word)), initial=0)]
