"""Which services a line names. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection

from firstcause.events.log_event import LogEvent


class NamedPeers:
    """Finds the names of services, as words of their own, in what others say."""

    def __init__(self, services: Collection[str]) -> None:
        names = sorted(filter(None, services), key=lambda name: (-len(name), name))
        self._word = (
            re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, names))})(?![\w-])")
            if names
            else None
        )

    def of(self, event: LogEvent) -> set[str]:
        """The other services that the event's message names."""
        if self._word is None:
            return set()
        return set(self._word.findall(event.message)) - {event.service_name}
