"""Counts pairs of events that follow each other in normal traces, without context. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from typing import Final

from root_cause.normal.learned_counts import Normal
from root_cause.traces.durations import Stretch
from root_cause.traces.event_key import END, service_of

_OFTEN: Final = 3
_NONE: Final[Mapping[str, int]] = {}


class Neighbours:
    """Counts how often one event came directly after another; END surrounds each trace."""

    def __init__(self, normal: Normal) -> None:
        self._after: dict[str, dict[str, int]] = defaultdict(dict)
        self._events: dict[str, int] = {}
        begun: dict[str, int] = {}
        for part in normal.services.values():
            self._events.update(part.events)
            for key, times in part.times.items():
                if key.stretch == Stretch.GAP:
                    count = self._after[key.one][key.other] = sum(times.values())
                    begun[key.other] = begun.get(key.other, 0) + count
            for event, count in part.ends.items():
                self._after[event][END] = count
        # What was nobody's next began a trace.
        for event, count in self._events.items():
            if (first := count - begun.get(event, 0)) > 0:
                self._after[END][event] = first
        self._services = set(normal.services)
        self._closing = _closing(normal)

    def after(self, key: str) -> Mapping[str, int]:
        """The events that came directly after an event, with their counts."""
        return self._after.get(key, _NONE)

    def are_known(self, one: str, other: str) -> bool:
        """True when normal has seen the second right after the first."""
        return other in self.after(one)

    def is_between(self, one: str, line: str, two: str) -> bool:
        """True when a line has followed the first, and the second it."""
        return line in self.after(one) and two in self.after(line)

    def closes(self, key: str) -> bool:
        """True when nothing has ever followed the event in its span."""
        return key in self._closing

    def is_new(self, key: str) -> bool:
        """True for events that normal has not seen of a service that it knows."""
        return key not in self._events and service_of(key) in self._services


def _closing(normal: Normal) -> frozenset[str]:
    came: dict[str, int] = {}
    for part in normal.services.values():
        for (_, key), count in part.follows.items():
            came[key] = came.get(key, 0) + count
    gone_on = {before for part in normal.services.values() for before, _ in part.follows}
    return frozenset(key for key, count in came.items() if count >= _OFTEN and key not in gone_on)
