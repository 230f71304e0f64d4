"""Adds a field's value to a query: what a click on a field of a line looks for. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from search.query.fields import ATTRIBUTE_PREFIX, FIELD_NAMES
from search.query.mistake import QueryError
from search.query.parser import parse
from search.query.tree import Or

_ATTRIBUTE: Final = re.compile(r"[A-Za-z_@][\w.@/-]*", re.ASCII)
_VALUE_CHARS: Final = 300


def can_narrow(name: str, value: object) -> bool:
    """Whether a query can ask for this value of a field."""
    known = name in FIELD_NAMES or (
        name.startswith(ATTRIBUTE_PREFIX) and _ATTRIBUTE.fullmatch(name) is not None
    )
    text = str(value)
    return known and len(text) <= _VALUE_CHARS and any(char.isalnum() for char in text)


def narrowed(query: str, name: str, value: object) -> str:
    """The query, and the field with this value; see `can_narrow`."""
    quoted = re.sub(r'(["\\])', r"\\\1", str(value))
    term = f'{name}:"{quoted}"' if re.search(r"[^\w.-]", quoted) else f"{name}:{quoted}"
    if not query.strip():
        return term
    return f"({query}) {term}" if _has_choice(query) else f"{query} {term}"


@lru_cache(maxsize=64)
def _has_choice(query: str) -> bool:
    try:
        return isinstance(parse(query), Or)
    except QueryError:
        return False
