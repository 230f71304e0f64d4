"""How counts and extremes of several times are those of all of it. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypeVar

Key = TypeVar("Key", str, int)


def summed(counts: Iterable[Mapping[Key, int]]) -> dict[Key, int]:
    """The counts of all of these, by key."""
    total: Counter[Key] = Counter()
    for one in counts:
        total.update(one)
    return dict(total)


def known(values: Iterable[float | None]) -> list[float]:
    """Those of some values that there are."""
    return [value for value in values if value is not None]
