"""Compares templates by their words. Pure."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence, Set
from typing import Final

_NO_EDGE: Final = re.compile(r"[\w.-]*\w")


def word_count(template: str) -> int:
    """How many words of a template are no variable."""
    return sum(word[0].isalpha() for word in template.split())


def without_names(template: str, names: Set[str]) -> str:
    """A template with `<name>` for each word that is one of some names, whatever stands at it."""
    words = template.split()
    for at, word in enumerate(words):
        bare = _NO_EDGE.search(word)
        if bare is not None and not names.isdisjoint({bare.group(), bare.group().lower()}):
            words[at] = word.replace(bare.group(), "<name>", 1)
    return " ".join(words)


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
