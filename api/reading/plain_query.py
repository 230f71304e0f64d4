"""What of a query can be answered without an index: whole services, and one level. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from search.query.tree import And, Everything, Keyword, Node, Or


@dataclass(frozen=True, slots=True)
class PlainQuery:
    """Services and a level that hold for every match.

    Attributes:
        services: those of the known ones that can have a match.
        level: None for all.
        is_whole: nothing of the query is left out.
        contradicts: two levels are asked for at once, so nothing matches.
    """

    services: tuple[str, ...]
    level: str | None
    is_whole: bool
    contradicts: bool = False


def plain_query(query: Node, known: Sequence[str], level: str | None) -> PlainQuery:
    """The plain part of a query over services of these names, and of a level or all."""
    found = PlainQuery(tuple(known), level, is_whole=True)
    for part in query.parts if isinstance(query, And) else (query,):
        found = _with(found, part)
    return found


def _with(found: PlainQuery, part: Node) -> PlainQuery:
    if isinstance(part, Everything):
        return found
    words = _keywords(part)
    if words and all(one.field == "service" for one in words):
        left = tuple(name for name in found.services if any(_is(one, name) for one in words))
        return PlainQuery(left, found.level, found.is_whole, found.contradicts)
    if len(words) == 1 and words[0].field == "level" and not words[0].prefix:
        level = words[0].value.upper()
        contradicts = found.contradicts or found.level not in (None, level)
        return PlainQuery(found.services, level, found.is_whole, contradicts)
    return PlainQuery(found.services, found.level, is_whole=False, contradicts=found.contradicts)


def _keywords(part: Node) -> list[Keyword]:
    parts = part.parts if isinstance(part, Or) else (part,)
    found = [one for one in parts if isinstance(one, Keyword)]
    return found if len(found) == len(parts) else []


def _is(word: Keyword, name: str) -> bool:
    wanted, lower = word.value.lower(), name.lower()
    return lower.startswith(wanted) if word.prefix else lower == wanted
