"""Query text to a tree. The door is `parse`. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, cast

from lark import Lark, Token, Tree
from lark.exceptions import UnexpectedInput

from search.query import values
from search.query.fields import Field, field_named, unknown_field
from search.query.mistake import QueryError
from search.query.tree import And, Everything, Node, Not, Or
from search.query.unexpected import mistake_of
from search.query.values import Typed

MAX_CHARS: Final = 4_000
MAX_DEPTH: Final = 40

_PARSER: Final = Lark(
    Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8"),
    parser="lalr",
    lexer="contextual",
)
_ESCAPED: Final = re.compile(r"\\([\s\S])|(\*)")
_SIGNS: Final = frozenset({"NOT", "MINUS", "_PLUS"})
_ENDS: Final = frozenset({"WORD", "STRING", "BOUND"})


def parse(text: str) -> Node:
    """The tree of a query; text of blanks alone asks for everything.

    Raises:
        QueryError: it is none, or longer than MAX_CHARS, or nested deeper than MAX_DEPTH. Nothing
            else is raised, whatever the text.
    """
    if len(text) > MAX_CHARS:
        raise QueryError(f"A query has at most {MAX_CHARS} characters.", text, MAX_CHARS)
    if not text.strip():
        return Everything()
    return _Reading(text).node(_parsed(text).children[0], None)


def _parsed(text: str) -> Tree[Token]:
    """The parse tree; its depth is watched while it grows, so that nobody's stack runs out."""
    steps = _PARSER.parse_interactive(text)
    opened = signs = 0
    last: Token | None = None
    try:
        for last in steps.iter_parse():
            opened += {"_OPEN": 1, "_CLOSE": -1}.get(last.type, 0)
            signs = signs + 1 if last.type in _SIGNS else 0 if last.type in _ENDS else signs
            if opened + signs > MAX_DEPTH:
                raise QueryError(
                    f"Nested deeper than {MAX_DEPTH} levels: say it with fewer parentheses.",
                    text,
                    cast(int, last.start_pos),
                )
        return cast("Tree[Token]", cast(Any, steps).feed_eof(last))
    except UnexpectedInput as error:
        raise mistake_of(error, text, last) from None


class _Reading:
    """Makes nodes of the parse tree of one text."""

    def __init__(self, text: str) -> None:
        self._text = text

    def node(self, part: Any, field: Field | None) -> Node:
        """The node of a part of the tree; values stand for `field`, or for text without one."""
        children = part.children
        match part.data:
            case "any_of" | "all_of":
                nodes = tuple(self.node(child, field) for child in children)
                if len(nodes) == 1:
                    return nodes[0]
                return Or(nodes) if part.data == "any_of" else And(nodes)
            case "negated":
                inner = self.node(children[-1], field)
                return inner.part if isinstance(inner, Not) else Not(inner)
            case "field":
                return self.node(children[1], self._named(children[0]))
            case _:
                return self._leaf(part.data, children, field)

    def _leaf(self, kind: str, children: list[Token], field: Field | None) -> Node:
        if kind == "between":
            return self._between(children, _of(field))
        value = children[-1]
        typed = self._typed(value)
        if kind == "compared":
            sign = str(children[0])
            return self._made(value, lambda: values.compared(_of(field), sign, typed))
        if field is None:
            return self._made(value, lambda: values.bare(typed))
        return self._made(value, lambda: values.equal(field, typed))

    def _named(self, token: Token) -> Field:
        name = str(token)[:-1]
        found = field_named(name)
        if found is None:
            raise QueryError(unknown_field(name), self._text, cast(int, token.start_pos))
        return found

    def _between(self, children: list[Token], field: Field) -> Node:
        start, low, high, end = children
        bounds = [
            None if bound.type == "BOUND" and bound == "*" else self._typed(bound)
            for bound in (low, high)
        ]
        return self._made(low, lambda: values.between(field, bounds[0], bounds[1], f"{start}{end}"))

    def _made(self, token: Token, make: Callable[[], Node]) -> Node:
        try:
            return make()
        except ValueError as error:
            raise QueryError(str(error), self._text, cast(int, token.start_pos)) from None

    def _typed(self, token: Token) -> Typed:
        """A token without quotes and escapes; a star in quotes is a star, else it ends a prefix."""
        if token.type == "STRING":
            return Typed(re.sub(r"\\([\s\S])", r"\1", str(token)[1:-1]))
        parts, end, prefix = [], 0, False
        for match in _ESCAPED.finditer(token):
            parts.append(token[end : match.start()])
            end = match.end()
            if match[1] is not None:
                parts.append(match[1])
            elif end == len(token):
                prefix = True
            else:
                raise QueryError(
                    r"A star stands only at the end of a word; a star itself is \*.",
                    self._text,
                    cast(int, token.start_pos) + match.start(),
                )
        return Typed("".join(parts) + token[end:], prefix)


def _of(field: Field | None) -> Field:
    if field is None:
        raise TypeError("the grammar lets only fields be compared")  # pragma: no cover
    return field
