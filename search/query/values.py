"""What a field and a typed value ask for: nodes of the tree. Pure.

Each function raises ValueError with what would be right when the value does not fit the field.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

from firstcause.events.log_level import level_of
from search.query.fields import Field, Kind
from search.query.times import typed_time_ms
from search.query.tree import Attribute, Between, Everything, Keyword, Node, Or, Present, Words

# From the least to the most severe, so that `level:>=warn` means something.
LEVELS: Final = ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")

_INTEGER: Final = re.compile(r"-?\d{1,15}", re.ASCII)
_NUMBER: Final = re.compile(r"-?\d{1,15}(?:\.\d{1,15})?(?:[eE][+-]?\d{1,2})?", re.ASCII)
_STATUS_CLASS: Final = re.compile(r"([1-9])xx", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Typed:
    """A value as typed, escapes resolved; `prefix`: a star stood at its end."""

    text: str
    prefix: bool = False

    @property
    def is_star(self) -> bool:
        """The star alone: any value."""
        return self.prefix and not self.text


def bare(value: Typed) -> Node:
    """A word or phrase without a field."""
    if value.is_star:
        return Everything()
    return Words("text", _with_words(value), value.prefix)


def equal(field: Field, value: Typed) -> Node:
    """`field:value`."""
    if field.kind == Kind.WORDS:
        return _words(field, value)
    if field.kind == Kind.ATTRIBUTE:
        return Attribute(field.name, "" if value.is_star else _with_words(value), value.prefix)
    if value.is_star:
        return Present(cast(Any, field.name))
    if field.kind == Kind.KEYWORD:
        return Keyword(cast(Any, field.name), value.text, value.prefix)
    return _level(value, 0, 0) if field.kind == Kind.LEVEL else _number(field, value)


def _number(field: Field, value: Typed) -> Node:
    if field.kind == Kind.INTEGER and not value.prefix and _STATUS_CLASS.fullmatch(value.text):
        first = int(value.text[0]) * 100
        return Between("status_code", first, first + 99)
    low, high = _interval(field, value)
    return Between(cast(Any, field.name), low, high, include_upper=field.kind != Kind.TIME)


def compared(field: Field, sign: str, value: Typed) -> Node:
    """`field:>=value` and the like."""
    if field.kind == Kind.LEVEL:
        return _level(value, *{">=": (0, 9), ">": (1, 9), "<=": (-9, 0), "<": (-9, -1)}[sign])
    low, high = _interval(_ordered(field), value)
    name = cast(Any, field.name)
    # A time covers all that was not typed of it: > 12:00 begins with the next minute.
    is_time = field.kind == Kind.TIME
    match sign:
        case ">=":
            return Between(name, lower=low)
        case ">":
            return Between(name, lower=high, include_lower=is_time)
        case "<=":
            return Between(name, upper=high, include_upper=not is_time)
        case _:
            return Between(name, upper=low, include_upper=False)


def between(field: Field, lower: Typed | None, upper: Typed | None, inclusive: str) -> Node:
    """`field:[lower TO upper]`; None is a star; `inclusive` are the two brackets as typed."""
    first, last = (">=" if inclusive[0] == "[" else ">"), ("<=" if inclusive[1] == "]" else "<")
    if field.kind == Kind.LEVEL:
        names = set(LEVELS)
        for sign, value in ((first, lower), (last, upper)):
            if value is not None:
                names &= {one.value for one in _keywords(compared(field, sign, value))}
        return _one_of([name for name in LEVELS if name in names])
    name = cast(Any, _ordered(field).name)
    start = compared(field, first, lower) if lower else Between(name)
    end = compared(field, last, upper) if upper else Between(name)
    if not isinstance(start, Between) or not isinstance(end, Between):
        raise TypeError("a comparison of numbers is no Between")  # pragma: no cover
    if lower is None and upper is None:
        return Present(name)
    return Between(name, start.lower, end.upper, start.include_lower, end.include_upper)


def _words(field: Field, value: Typed) -> Node:
    name = cast(Any, field.name)
    if not value.is_star:
        return Words(name, _with_words(value), value.prefix)
    if field.name == "exception":
        return Present("exception")
    if field.name == "message":
        return Everything()
    raise ValueError("Say which attribute: attributes.NAME:*")


def _with_words(value: Typed) -> str:
    if not any(char.isalnum() for char in value.text):
        raise ValueError("There is no letter and no digit here to search for.")
    return value.text


def _ordered(field: Field) -> Field:
    if field.kind in (Kind.INTEGER, Kind.NUMBER, Kind.TIME):
        return field
    raise ValueError("Only status_code, latency_ms, timestamp and level can be compared.")


def _interval(field: Field, value: Typed) -> tuple[Any, Any]:
    if field.kind == Kind.TIME:
        covered = None if value.prefix else typed_time_ms(value.text)
        if covered is None:
            raise ValueError("This is no time: say 2026-01-31 or 2026-01-31T12:00:00Z.")
        return covered
    if value.prefix:
        raise ValueError(
            f"A number has no prefix: say {field.name}:[500 TO 599] or {field.name}:>=500."
        )
    pattern, number = (_INTEGER, int) if field.kind == Kind.INTEGER else (_NUMBER, cast(Any, float))
    if not pattern.fullmatch(value.text):
        kind = "whole number" if field.kind == Kind.INTEGER else "number"
        raise ValueError(f"{field.name} is a {kind}: say {field.name}:>=500.")
    return number(value.text), number(value.text)


def _level(value: Typed, first: int, last: int) -> Node:
    level = None if value.prefix else level_of(value.text)
    if level is None:
        raise ValueError(f"This is no level: there are {', '.join(LEVELS)}.")
    at = LEVELS.index(level)
    return _one_of(LEVELS[max(0, at + first) : max(0, at + last + 1)])


def _one_of(levels: Sequence[str]) -> Node:
    if not levels:
        raise ValueError("No level is left between these bounds.")
    nodes = tuple(Keyword("level", level) for level in levels)
    return nodes[0] if len(nodes) == 1 else Or(nodes)


def _keywords(node: Node) -> Sequence[Keyword]:
    parts = node.parts if isinstance(node, Or) else (node,)
    return [part for part in parts if isinstance(part, Keyword)]
