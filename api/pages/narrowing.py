"""Adds a field's value to a query: what a click on a field of a line looks for. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from log_templates.tokens import MASK
from search.query.fields import ATTRIBUTE_PREFIX, FIELD_NAMES
from search.query.mistake import QueryError
from search.query.parser import parse
from search.query.tree import Or

_ATTRIBUTE: Final = re.compile(r"[A-Za-z_@][\w.@/-]*", re.ASCII)
_VALUE_CHARS: Final = 300
_QUERY_CHARS: Final = 800


def can_narrow(name: str, value: object) -> bool:
    """Whether a query can ask for this value of a field."""
    known = name in FIELD_NAMES or (
        name.startswith(ATTRIBUTE_PREFIX) and _ATTRIBUTE.fullmatch(name) is not None
    )
    text = str(value)
    return known and len(text) <= _VALUE_CHARS and any(char.isalnum() for char in text)


def narrowed(query: str, name: str, value: object) -> str:
    """The query, and the field with this value; see `can_narrow`."""
    quoted = _escaped(str(value))
    term = f'{name}:"{quoted}"' if re.search(r"[^\w.-]", quoted) else f"{name}:{quoted}"
    if not query.strip():
        return term
    return f"({query}) {term}" if _has_choice(query) else f"{query} {term}"


def pattern_query(service: str, template: str) -> str:
    """A query for the lines of a template: its constant parts as phrases, as many as fit."""
    query = narrowed("", "service", service) if can_narrow("service", service) else ""
    # A word that touches what varies may be only a part of a word of the line.
    whole = re.sub(rf"[^\W_]*{re.escape(MASK)}[^\W_]*", MASK, template)
    for part in whole.split(MASK):
        words = part.strip()
        if len(words) <= _VALUE_CHARS and any(char.isalnum() for char in words):
            phrase = f'"{_escaped(words)}"'
            if len(query) + len(phrase) > _QUERY_CHARS:
                break
            query = f"{query} {phrase}".strip()
    return query


def _escaped(text: str) -> str:
    return re.sub(r'(["\\])', r"\\\1", text)


@lru_cache(maxsize=64)
def _has_choice(query: str) -> bool:
    try:
        return isinstance(parse(query), Or)
    except QueryError:
        return False
