"""The tree of a query to a query of tantivy, by its API: no text is ever parsed again. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tantivy import FieldType, Occur, Query

from search.embedded.schema import (
    NAMED_WHERE_PRESENT,
    SCHEMA,
    TEXTS,
    attribute_text,
    keyword_of,
    words_of,
)
from search.query.tree import (
    And,
    Attribute,
    Between,
    Everything,
    Keyword,
    Node,
    Not,
    Or,
    Present,
    Words,
)

# A bare word that equals one of these as a whole finds its logs.
IDENTIFYING: Final = ("service", "log_id", "trace_id", "error_code", "logger", "instance")
_LEAST: Final = -(2**63)
_MOST: Final = 2**63 - 1


def translated(node: Node) -> Query:
    """The query of a tree."""
    match node:
        case Everything():
            return Query.all_query()
        case And(parts):
            return all_of([translated(part) for part in parts])
        case Or(parts):
            return _any_of([translated(part) for part in parts])
        case Not(part):
            return Query.boolean_query(
                [(Occur.Must, Query.all_query()), (Occur.MustNot, translated(part))]
            )
        case _:
            return _leaf(node)


def all_of(queries: Sequence[Query]) -> Query:
    """Matches of all these queries."""
    return Query.boolean_query([(Occur.Must, query) for query in queries])


def number_between(
    name: str,
    lower: float | None,
    upper: float | None,
    *,
    include_lower: bool = True,
    include_upper: bool = True,
) -> Query:
    """A number field in bounds; None is no bound."""
    if lower is None and upper is None:
        return Query.exists_query(name)
    if name != "latency_ms":
        lower, upper = (bound if bound is None else _clamped(bound) for bound in (lower, upper))
    kind = FieldType.Float if name == "latency_ms" else FieldType.Integer
    return Query.range_query(SCHEMA, name, kind, lower, upper, include_lower, include_upper)


def _clamped(bound: float) -> int:
    return int(min(max(bound, _LEAST), _MOST))


def _any_of(queries: Sequence[Query]) -> Query:
    return Query.boolean_query([(Occur.Should, query) for query in queries])


def _leaf(node: Node) -> Query:
    match node:
        case Words("text", text, prefix):
            words = words_of(text)
            found = [_phrase(name, words, prefix=_goes_on(text, prefix)) for name in TEXTS]
            if not prefix:
                found += [_keyword(name, text) for name in IDENTIFYING]
            return _any_of(found)
        case Words(field, text, prefix):
            return _phrase(field, words_of(text), prefix=_goes_on(text, prefix))
        case Attribute(name, text, prefix):
            looked_for = words_of(attribute_text(name, text))
            return _phrase("attributes", looked_for, prefix=_goes_on(text, prefix))
        case Keyword(field, value, prefix):
            return _keyword(field, value, prefix=prefix)
        case Between(field, lower, upper, include_lower, include_upper):
            return number_between(
                field, lower, upper, include_lower=include_lower, include_upper=include_upper
            )
        case Present(field):
            return _present(field)
        case _:
            raise TypeError(f"{type(node).__name__} is no leaf")


def _goes_on(text: str, prefix: bool) -> bool:
    """Whether the last word may be longer; after a sign between words it is whole."""
    return prefix and text[-1:].isalnum()


def _phrase(field: str, words: Sequence[str], *, prefix: bool) -> Query:
    if not words:
        return Query.empty_query()
    if len(words) == 1 and prefix:
        return Query.fuzzy_term_query(SCHEMA, field, words[0], 0, True, True)
    if len(words) == 1:
        return Query.term_query(SCHEMA, field, words[0])
    if prefix:
        # Words are letters and digits alone, so none of them means anything in a pattern.
        return Query.regex_phrase_query(SCHEMA, field, [*words[:-1], f"{words[-1]}.*"])
    return Query.phrase_query(SCHEMA, field, list(words))


def _keyword(field: str, value: str, *, prefix: bool = False) -> Query:
    compared = value.upper() if field == "level" else keyword_of(value)
    if prefix:
        return Query.fuzzy_term_query(SCHEMA, field, compared, 0, True, True)
    return Query.term_query(SCHEMA, field, compared, "basic")


def _present(field: str) -> Query:
    if field in NAMED_WHERE_PRESENT:
        return Query.term_query(SCHEMA, "present", field, "basic")
    if field in ("status_code", "latency_ms"):
        return Query.exists_query(field)
    return Query.all_query()
