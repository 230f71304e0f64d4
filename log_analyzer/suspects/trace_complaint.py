"""Finds the service that a failing trace complains of: a hint for ties, not a suspect. Pure.

In most logs the parent spans are not logged, so the order of the lines is used.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from firstcause.events.log_event import LogEvent
from log_analyzer.episodes.error_names import names_of

# A server's own fault, or a call that its caller gave up (499, as nginx counts it).
CALLER_GONE: Final = 499


def complaint_of(logs: Iterable[LogEvent], services: Collection[str]) -> str | None:
    """The service of which a trace's first failing line complains; None when nothing in it fails.

    It is the service that the line names, else the service that logged just before it: the failing
    one could not use its answer. Without either it is the failing service itself.

    Args:
        logs: the trace's lines of all levels.
        services: the services that a line may name.
    """
    in_time = sorted(logs, key=lambda one: (one.timestamp_ms, one.log_id))
    for place, line in enumerate(in_time):
        if not _fails(line):
            continue
        heard = {one.service_name for one in in_time[:place]}
        named = [name for name in names_of(line, services) if name in services]
        # The first to be heard is where the request came in: nobody waits for that.
        entry = in_time[0].service_name
        for name in sorted(named, key=lambda one: (one not in heard, one)):
            if name != entry:
                return name
        before = in_time[place - 1].service_name if place else line.service_name
        return before if before != entry else line.service_name
    return None


def _fails(line: LogEvent) -> bool:
    return line.is_error or (line.status_code is not None and line.status_code >= CALLER_GONE)
