"""Decides which errors of a window are new, or much more frequent than in normal. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final

from firstcause.events.log_event import LogEvent
from root_cause.normal.learned_counts import Normal
from root_cause.traces.event_key import event_key

# An error counts that comes in so many times more requests than in normal.
_RISE: Final = 3.0


class Complaints:
    """Which errors are more frequent since a time than normal knows them."""

    def __init__(
        self, normal: Normal, traces: Mapping[str, Sequence[LogEvent]], since_ms: int
    ) -> None:
        self._normal = normal
        late = [found for found in traces.values() if found[-1].timestamp_ms >= since_ms]
        counts: Counter[str] = Counter()
        for found in late:
            counts.update({event_key(event) for event in found if event.is_error})
        self._share = {key: count / len(late) for key, count in counts.items()}

    def complains(self, event: LogEvent) -> bool:
        """True for an error that is new, or much more frequent than in normal."""
        if not event.is_error:
            return False
        part = self._normal.services.get(event.service_name)
        if part is None or not self._normal.traces:
            return True
        key = event_key(event)
        usual = part.error_traces[key]
        if not usual and part.events[key] == 0:
            return True
        return self._share.get(key, 0.0) > _RISE * (usual + 1) / self._normal.traces
