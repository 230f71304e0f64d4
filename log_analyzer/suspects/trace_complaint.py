"""Finds the service that a failing trace complains of: a hint for ties, not a suspect. Pure.

In most logs the parent spans are not logged, so the order of the lines is used.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final

from firstcause.events.log_event import LogEvent
from log_analyzer.episodes.error_names import names_of

# A server's own fault, or a call that its caller gave up (499, as nginx counts it).
CALLER_GONE: Final = 499


def complaint_of(logs: Iterable[LogEvent], services: Collection[str]) -> str | None:
    """The service of which a trace's first failing line complains; None when nothing in it fails.

    It is the service that the line names, else the one that was called last before it: the failing
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
        before = _called_before(in_time, place)
        return before if before != entry else line.service_name
    return None


def _called_before(in_time: Sequence[LogEvent], place: int) -> str:
    """The service whose call was over just before a line; the line's own if it was in none.

    Whoever logged last may have been called by another one, which says nothing at its end. So it is
    the outermost of the spans that began after the failing service last logged, and lasted as long.
    What the failing service warns of just before, or says in the same millisecond, is one failure.
    """
    line = in_time[place]
    known = list(in_time[:place])
    while known and _is_one_failure(known[-1], line):
        known.pop()
    if not known:
        return line.service_name
    began: dict[tuple[str, str | None], int] = {}
    ended: dict[tuple[str, str | None], int] = {}
    since_ms = max(
        (one.timestamp_ms for one in known if one.service_name == line.service_name), default=0
    )
    for one in in_time:
        # Of what was logged in the same millisecond, the order says nothing.
        if one.timestamp_ms > line.timestamp_ms:
            break
        key = one.service_name, one.span_id
        began.setdefault(key, one.timestamp_ms)
        ended[key] = one.timestamp_ms
    last = known[-1]
    inner = last.service_name, last.span_id
    for key, first_ms in began.items():
        is_outside = since_ms <= first_ms < began[inner] and ended[key] >= ended[inner]
        if is_outside and key[0] != line.service_name:
            return key[0]
    return last.service_name


def _is_one_failure(before: LogEvent, line: LogEvent) -> bool:
    is_at_once = before.level == "WARN" or before.timestamp_ms == line.timestamp_ms
    return before.service_name == line.service_name and is_at_once


def _fails(line: LogEvent) -> bool:
    return line.is_error or (line.status_code is not None and line.status_code >= CALLER_GONE)
