"""What people ask of patterns: the most frequent of a time, and what changed since one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from search.patterns.comparison import Change, PatternName, changes
from search.patterns.store import HOUR_MS, Pattern, PatternStore

# A partition is an hour of a service. So many are read in a second or two.
PARTITIONS_MAX: Final = 5_000
# Services whose counts are read at once; between them `step` is called.
_AT_ONCE: Final = 20


@dataclass(frozen=True, slots=True)
class CountedPattern:
    """A pattern of a service and how often it was met; `pattern` is None while it has no text."""

    service_name: str
    template_id: UUID
    pattern: Pattern | None
    count: int


@dataclass(frozen=True, slots=True)
class ChangedPattern:
    """A pattern that changed between two times, and its counts in both."""

    service_name: str
    template_id: UUID
    pattern: Pattern | None
    change: Change
    before: int
    after: int


class PatternOverview:
    """Reads patterns for people. Methods block, and raise the driver's errors.

    Times are ms since the epoch, and count in whole minutes; `service` is one, or None for all.
    `step` is called between the readings; what it raises ends them.
    """

    def __init__(self, store: PatternStore, step: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._step = step

    def services(self, service: str | None) -> list[str]:
        """The services that are asked for."""
        return self._store.services() if service is None else [service]

    def most_frequent(
        self, services: Sequence[str], from_ms: int, to_ms: int
    ) -> list[CountedPattern]:
        """The patterns met in [from_ms, to_ms), the most frequent first."""
        counts = self._counts(services, from_ms, to_ms)
        known = self._known(counts)
        ordered = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
        return [CountedPattern(*name, known.get(name), count) for name, count in ordered]

    def changed(
        self, services: Sequence[str], earlier_ms: int, from_ms: int, to_ms: int
    ) -> list[ChangedPattern]:
        """How [from_ms, to_ms) differs from [earlier_ms, from_ms), the strongest change first."""
        found = changes(
            self._counts(services, earlier_ms, from_ms),
            self._counts(services, from_ms, to_ms),
            from_ms - earlier_ms,
            to_ms - from_ms,
        )
        known = self._known([one.name for one in found])
        return [
            ChangedPattern(*one.name, known.get(one.name), one.change, one.before, one.after)
            for one in found
        ]

    def _counts(self, services: Sequence[str], from_ms: int, to_ms: int) -> Counter[PatternName]:
        found: Counter[PatternName] = Counter()
        for first in range(0, len(services), _AT_ONCE):
            self._step()
            found += self._store.counts(list(services[first : first + _AT_ONCE]), from_ms, to_ms)
        return found

    def _known(
        self, names: Sequence[PatternName] | Counter[PatternName]
    ) -> dict[PatternName, Pattern]:
        self._step()
        return self._store.patterns(sorted({service for service, _ in names}))


def partitions_between(services: int, from_ms: int, to_ms: int) -> int:
    """How many partitions of counts are read for so many services and a time."""
    return services * max(0, -(-to_ms // HOUR_MS) - from_ms // HOUR_MS)
