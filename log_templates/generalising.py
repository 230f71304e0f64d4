"""Which patterns are forms of one template, and the pattern that fits all of these. Pure."""

from __future__ import annotations

from typing import Final

from log_templates.pattern import Pattern, Tokens
from log_templates.tokens import as_any, is_word, may_vary, token_matches
from log_templates.words import are_names, distinguishes_events, is_qualified_name

# So many distinct words at one place, all else equal, and it is a variable; states are fewer.
DISTINCT_VALUES: Final = 8
DIFFERENCES_AT_ONCE: Final = 2


def generalised(known: list[Pattern], tokens: Tokens) -> Pattern | None:
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
                one if token_matches(one, token) else as_any(one)
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
        if token_matches(one, other):
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
    return (
        may_vary(tokens, place)
        and not distinguishes_events(one)
        and not distinguishes_events(other)
    )


def _proved(words: set[str], one: str, other: str) -> bool:
    if distinguishes_events(one) or distinguishes_events(other):
        return False
    return sum(not distinguishes_events(word) for word in words) >= DISTINCT_VALUES
