"""A masked line as tokens: where a variable may stand, and lists and objects as one variable. Pure.

A token is a word, a variable or a punctuation mark; it carries the space before it, so that the
tokens joined are the text.
"""

from __future__ import annotations

import re
from typing import Final

from log_templates.mask import VARIABLE, joined_runs
from log_templates.words import (
    NAMED_THINGS,
    PARTICLES,
    TELLING_KEYS,
    is_capitalised,
    is_qualified_name,
)

# A place where the values seen differ: any word or variable fits.
ANY: Final = "\x01"

MASK: Final = "<*>"
MAX_TEMPLATE_CHARS: Final = 500

_TOKEN: Final = re.compile(r" ?(?:\x00|[^\s=:,;()\[\]{}<>|\"'\x00]+|\S)")
_PUNCTUATION: Final = frozenset("=:,;()[]{}<>|\"'")
_CLOSES: Final = frozenset(",;)]}|>\"'")

# Objects as programs print them, innermost first: Name(key=value, key=value), {key=value, ...},
# maps of variables, and a value that is no more than a named variable: Name{...}.
_OBJECT: Final = re.compile(
    r"(?<![\w$.\x00])[\w$.\x00]+\(\w+=[^()=]*(?:, ?\w+=[^()=]*)+\)"
    r"|(?:(?<![\w$.])[\w$.]+\{\w+=[^{}=]*|\{\w+=[^{}=]*, ?\w+=[^{}=]*)(?:, ?\w+=[^{}=]*)*\}"
    r"|\{(?! )(?=[^{}]*[=:] ?\x00)[\w\x00:=.,\- ]*(?<! )\}"
    r"|(?<==)[\w$.]+\{\x00\}"
)
# The opening of an object: where it is never closed, the rest of the line belongs to it.
_OPENING: Final = re.compile(r"(?<![\w$.\x00])[\w$.\x00]+[({](?=\w+=)|[()\[\]{}]")
_OBJECT_DEPTH: Final = 8
_ITEM: Final = r"[\w\-.$:/@\x00]+"
# As a value, a list of one is a list too; elsewhere a word in brackets is a tag.
_LIST: Final = re.compile(rf"\[{_ITEM}(?:, ?{_ITEM})+\]|(?<=[:=] )\[{_ITEM}\]|(?<=[:=])\[{_ITEM}\]")
# A value of several words between its key and the end of the pair.
_PHRASE: Final = re.compile(r"(?<=[\[({,;] )?(\b\w+=)\w+(?: \w+){1,5}(?=[,;)\]}])")
_EMPTY_PARENTHESES: Final = re.compile(r" \(\)")

_BLOCK_TOKENS: Final = 12


def tokens_of(text: str) -> tuple[str, ...]:
    """The tokens of a masked line; lists, objects and repetitions as one variable each."""
    if "(" in text or "[" in text or "{" in text:
        text = _without_structures(text)
    return tuple(_cut(_without_repetitions(_with_whole_names(_TOKEN.findall(text)))))


def _cut(tokens: list[str]) -> list[str]:
    """As many tokens as make a template of bounded length; what is cut off is one variable."""
    left = MAX_TEMPLATE_CHARS
    for place, token in enumerate(tokens):
        left -= len(MASK) + 1 if token[-1] == VARIABLE else len(token)
        if left < (len(MASK) if place < len(tokens) - 1 else 0):
            kept = tokens[:place]
            return kept if kept and kept[-1][-1] == VARIABLE else [*kept, VARIABLE]
    return tokens


def is_word(token: str) -> bool:
    """True for all but punctuation."""
    return token.lstrip(" ") not in _PUNCTUATION


def may_vary(tokens: tuple[str, ...], place: int) -> bool:
    """True where a variable is expected by what stands around: a value, or the name of a thing."""
    if place == 0 or not is_word(tokens[place]):
        return False
    before = tokens[place - 1].lstrip(" ")
    if before in ("=", ":") and place > 1 and tokens[place - 2].lower().endswith(TELLING_KEYS):
        return False
    if before == "=":
        return True
    after = tokens[place + 1].lstrip(" ") if place + 1 < len(tokens) else ""
    if before == ":":
        return not after or after in _CLOSES
    if before == "[":
        return place > 1 and tokens[place - 2].lstrip(" ") in ("=", ":")
    return before.lower() in NAMED_THINGS or (before == "for" and after == "from")


def token_matches(pattern: str, token: str) -> bool:
    """True when a message's token can stand at a pattern's place."""
    if pattern == token:
        return True
    return pattern[-1] == ANY and is_word(token) and (pattern[0] == " ") == (token[0] == " ")


def as_any(token: str) -> str:
    """The place of a token, open for any other."""
    return " " + ANY if token[0] == " " else ANY


def route_word(tokens: tuple[str, ...]) -> str:
    """The word by which a message finds its branch of the tree: the first that can't vary."""
    for place, token in enumerate(tokens[:12]):
        word = token.lstrip(" ")
        names = " " in word or is_qualified_name(word)
        if word[0].isalpha() and not names and not may_vary(tokens, place):
            return word
    return ""


def _without_structures(text: str) -> str:
    for _ in range(_OBJECT_DEPTH):
        text, found = _OBJECT.subn(VARIABLE, joined_runs(text))
        shorter = _LIST.sub("[\x00]", text)
        if not found and shorter == text:
            break
        text = shorter
    text = _without_cut_object(text)
    text = _PHRASE.sub("\\1\x00", text)
    return joined_runs(_EMPTY_PARENTHESES.sub(" (\x00)", text))


def _with_whole_names(tokens: list[str]) -> list[str]:
    """Neighbouring capitalised words as one token, so that a name's length makes no difference."""
    kept: list[str] = []
    particles = 0
    in_name = False
    for token in tokens:
        word = token.lstrip(" ")
        spaced = token[0] == " "
        if in_name and spaced and is_capitalised(word):
            kept[-1 - particles :] = ["".join(kept[-1 - particles :]) + token]
            particles = 0
        elif in_name and spaced and word in PARTICLES:
            kept.append(token)
            particles += 1
        else:
            # Capitalised words in brackets are a label more often than a name.
            labelled = bool(kept) and kept[-1][-1] in "[(<{"
            kept.append(token)
            in_name, particles = is_capitalised(word) and not labelled, 0
    return kept


def _without_cut_object(text: str) -> str:
    opened: list[tuple[int, bool]] = []
    for match in _OPENING.finditer(text):
        if match[0] in ")]}":
            if opened:
                opened.pop()
        else:
            opened.append((match.start(), len(match[0]) > 1))
    start = next((start for start, is_object in opened if is_object), None)
    return text if start is None else text[:start] + VARIABLE


def _without_repetitions(tokens: list[str]) -> list[str]:
    """A block of tokens that comes twice or more in a row: the block, then one variable."""
    bare = [token.lstrip(" ") for token in tokens]
    # The first token of a line has no space before it; what follows a repetition has.
    kept: list[str] = []
    place = 0
    while place < len(tokens):
        size, end = _repetition(bare, place)
        if not size:
            kept.append(tokens[place])
            place += 1
            continue
        kept += tokens[place : place + size]
        kept.append(" " + VARIABLE if tokens[place + size][0] == " " else VARIABLE)
        place = end
    return kept


def _repetition(bare: list[str], start: int) -> tuple[int, int]:
    """The size of the block that is repeated from `start` on, and where that ends; 0 for none."""
    for size in range(2, min(_BLOCK_TOKENS, (len(bare) - start) // 2) + 1):
        block = bare[start : start + size]
        if bare[start + size : start + 2 * size] == block and VARIABLE in block:
            end = start + 2 * size
            while bare[end : end + size] == block:
                end += size
            return size, end
    return 0, start
