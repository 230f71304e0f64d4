"""What changed between two times: patterns that are new, gone or shifted. Pure."""

from __future__ import annotations

import enum
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

PatternName = tuple[str, UUID]

# A rate counts as shifted when it changed by this factor, and by more than counts vary by chance.
SHIFT_FACTOR: Final = 2.0
# Square roots of counts of one rate differ by 0.7 as a rule (Poisson): this is 4 times as much.
SHIFT_DEVIATIONS: Final = 4.0


class Change(enum.StrEnum):
    """How a pattern changed."""

    NEW = "new"
    GONE = "gone"
    SHIFTED = "shifted"


@dataclass(frozen=True, slots=True)
class PatternChange:
    """A pattern of a service, and how often it was met before and after."""

    name: PatternName
    change: Change
    before: int
    after: int


def changes(
    before: Mapping[PatternName, int],
    after: Mapping[PatternName, int],
    before_ms: int,
    after_ms: int,
) -> list[PatternChange]:
    """The patterns that changed, the strongest change first.

    Args:
        before: counts of the earlier time.
        after: counts of the later time.
        before_ms: how long the earlier time is, above 0.
        after_ms: how long the later time is, above 0.
    """
    scale = after_ms / before_ms
    found = []
    for name in before.keys() | after.keys():
        old, new = before.get(name, 0), after.get(name, 0)
        change = _change(old, new, scale)
        if change is not None:
            found.append(PatternChange(name, change, old, new))
    return sorted(found, key=lambda one: (-_surprise(one.before, one.after, scale), one.name))


def _change(old: int, new: int, scale: float) -> Change | None:
    if old == 0:
        return Change.NEW
    if new == 0:
        # Seldom before: its absence tells nothing.
        return Change.GONE if _surprise(old, new, scale) >= SHIFT_DEVIATIONS else None
    ratio = new / (old * scale)
    shifted = ratio >= SHIFT_FACTOR or ratio <= 1 / SHIFT_FACTOR
    strong = _surprise(old, new, scale) >= SHIFT_DEVIATIONS
    return Change.SHIFTED if shifted and strong else None


def _surprise(old: int, new: int, scale: float) -> float:
    """By how many standard deviations two counts of one rate would differ so much.

    The square root of a Poisson count has a deviation of a half, whatever the rate.
    """
    difference = abs(math.sqrt(new) - math.sqrt(old * scale))
    return 2 * difference / math.sqrt(1 + scale)
