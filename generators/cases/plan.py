"""Plans which cases are made: fault types, silent culprits, harmless changes, quiet times."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from generators.cases.draw import Draw
from generators.cases.faults.kinds import FAULT_TYPES

QUIET_SHARE: Final = 0.1
SILENT_SHARE: Final = 0.25
TWO_CHANGES_SHARE: Final = 0.25
# Of the quiet cases, those in which something harmless changes.
QUIET_CHANGED_SHARE: Final = 0.5


@dataclass(frozen=True, slots=True)
class CasePlan:
    """One case to be made. `fault` names a fault type; None is a quiet time."""

    number: int
    fault: str | None
    silent: bool
    harmless_change: bool


def plan_cases(count: int, seed: int) -> list[CasePlan]:
    """The plans of `count` cases, in a seeded order; the shares are those above, rounded."""
    draw = Draw(f"plan {seed}")
    quiet, silent = round(count * QUIET_SHARE), round(count * SILENT_SHARE)
    loud = count - quiet - silent
    kinds: list[tuple[str | None, bool]] = [
        *zip(_turns(_names(silent=False), loud, draw), itertools.repeat(False)),
        *zip(_turns(_names(silent=True), silent, draw), itertools.repeat(True)),
    ]
    changed = set(draw.sample(range(len(kinds)), round(count * TWO_CHANGES_SHARE)))
    made = [(*kind, number in changed) for number, kind in enumerate(kinds)]
    quiet_changed = round(quiet * QUIET_CHANGED_SHARE)
    made += [(None, False, number < quiet_changed) for number in range(quiet)]
    draw.shuffle(made)
    return [CasePlan(number, *one) for number, one in enumerate(made)]


def _names(*, silent: bool) -> list[str]:
    return [
        name
        for name, fault in FAULT_TYPES.items()
        if (fault.suits_silent is not None if silent else fault.can_be_loud)
    ]


def _turns(names: Sequence[str], count: int, draw: Draw) -> Iterator[str]:
    """Each name in turn, in a shuffled order, `count` names in all."""
    order = list(names)
    draw.shuffle(order)
    return itertools.islice(itertools.cycle(order), count)
