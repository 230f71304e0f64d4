"""Detects from events alone when a service was replaced by another version. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

# More than that is most of what a service says.
_HALF: Final = 0.5
# Of less often nobody can say that it should have come again.
_RECURS: Final = 5
# So many events of the new version make the old one's superfluous.
ENOUGH_EVENTS: Final = 1_000

EventCounts = Mapping[str, int]


def replaced(older: EventCounts, newer: EventCounts) -> bool:
    """True if most events of before never come now, and most events of now never came before.

    Both are counts by event key. Either alone is another mix of requests, or more to say.
    """
    return _strange(newer, older) > _HALF and _strange(older, newer) > _HALF


def _strange(counts: EventCounts, known: EventCounts) -> float:
    """The share of the recurring events whose key is not known; 0 where few recur.

    Where a source tells no place in the code, a name in a message makes a key of its own: such
    keys hardly recur, and are always new.
    """
    recurring = {key: count for key, count in counts.items() if count >= _RECURS}
    total = sum(recurring.values())
    if not total or total < _HALF * sum(counts.values()):
        return 0.0
    return sum(count for key, count in recurring.items() if key not in known) / total


def first_of_version(slices: Sequence[EventCounts]) -> int:
    """The index of the first learned hour of a service's newest version; 0 if all are of one.

    A version counts once it has `ENOUGH_EVENTS`, or half of what an hour had before. The hour in
    which it was deployed has events of both versions, so it is left out too.

    Args:
        slices: counts by event key, in the order of time.
    """
    newer: Counter[str] = Counter()
    older: Counter[str] = Counter()
    for counts in slices:
        older.update(counts)
    for index in range(len(slices) - 1, 0, -1):
        newer.update(slices[index])
        older = _without(older, slices[index])
        # A service that says little has as little to say of its new version.
        if newer.total() < min(ENOUGH_EVENTS, older.total() / index / 2):
            continue
        if replaced(older, newer):
            return index
        between = slices[index - 1]
        before = _without(older, between)
        if replaced(before, newer):
            # What lies between has both versions, or is all of the new one.
            return index - 1 if replaced(before, newer + Counter(between)) else index
    return 0


def _without(counts: Counter[str], less: EventCounts) -> Counter[str]:
    # Subtraction of counters drops what comes to nothing.
    return counts - Counter(less)
