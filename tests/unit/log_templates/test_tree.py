"""A leaf forgets what nobody logs any more, and never what is still met."""

from __future__ import annotations

from log_templates.pattern import Pattern, template_id_of, text_of
from log_templates.tree import PATTERNS_OF_A_LEAF, TemplateTree

LEAF = 3


def pattern(number: int) -> Pattern:
    tokens = ("lost", f" w{number}")
    return Pattern(LEAF, template_id_of(text_of(tokens)), tokens)


def test_two_generations_of_a_leaf_are_known() -> None:
    tree = TemplateTree()
    forgot = [tree.learn(pattern(number)) for number in range(5 * PATTERNS_OF_A_LEAF)]
    assert sum(forgot) == 3
    assert tree.size(LEAF) == 5 * PATTERNS_OF_A_LEAF
    assert len(list(tree.patterns())) == 2 * PATTERNS_OF_A_LEAF
    assert tree.match(LEAF, pattern(0).tokens) is None
    newest = pattern(5 * PATTERNS_OF_A_LEAF - 1)
    assert tree.match(LEAF, newest.tokens) == newest
    assert not tree.has_aged(newest)


def test_what_is_met_is_taken_over_with_its_id() -> None:
    tree, kept = TemplateTree(), pattern(7)
    for number in range(PATTERNS_OF_A_LEAF + 1):
        tree.learn(pattern(number))
    assert tree.has_aged(kept)
    tree.learn(kept)
    assert not tree.has_aged(kept)
    for number in range(1_000, 1_000 + PATTERNS_OF_A_LEAF):
        tree.learn(pattern(number))
    assert tree.match(LEAF, kept.tokens) == kept
    assert tree.match(LEAF, pattern(8).tokens) is None
    assert tree.template(kept.template_id).text == "lost w7"


def test_a_leaf_that_starts_in_the_middle_of_its_log_ages_alike() -> None:
    whole, late = TemplateTree(), TemplateTree()
    late.begin(LEAF, PATTERNS_OF_A_LEAF)
    for number in range(2 * PATTERNS_OF_A_LEAF + 5):
        whole.learn(pattern(number))
        if number >= PATTERNS_OF_A_LEAF:
            late.learn(pattern(number))
    assert list(late.patterns()) == list(whole.patterns())
    assert late.size(LEAF) == whole.size(LEAF)
