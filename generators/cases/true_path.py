"""How a fault really came from its culprit to those that complain: the label of the causal path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Final

from firstcause.events.log_event import ERROR_LEVELS
from generators.cases.simulation.records import RecordedCall, Records

# A fault that floods whom its culprit calls spreads downwards first.
SPREADS_DOWN: Final = frozenset({"retry_storm"})
_DEEPEST: Final = 64

Path = tuple[str, ...]


def true_paths(
    records: Records,
    culprit: str,
    fault: str,
    inject_us: int,
    ambient: tuple[str, ...],
) -> list[Path]:
    """The ways from the culprit up to the last caller that says ERROR, the most frequent first.

    One for each call of the culprit since the fault began, whether it came through or not, as far
    as anybody above it, or the culprit itself, says an ERROR that is not heard in good times:
    `ambient` tells how those begin.
    """
    failing = {
        fields["span_id"]
        for at_us, fields in records.events
        if at_us >= inject_us
        and fields["level"] in ERROR_LEVELS
        and "span_id" in fields
        and not fields["message"].startswith(ambient)
    }
    served_by = {span.parent_span_id: span.span_id for span in records.spans if span.parent_span_id}
    calls = {call.span_id: call for call in records.calls}
    flooded = _callees(records, culprit) if fault in SPREADS_DOWN else set()
    found: Counter[Path] = Counter()
    for call in records.calls:
        if call.at_us < inject_us or call.callee not in {culprit, *flooded}:
            continue
        path = _upwards(call, calls, failing, served_by.get(call.span_id))
        if path and call.callee in flooded and call.callee != culprit:
            # What floods comes first; if it is the caller too, the way is its own.
            path = (culprit, *path) if call.caller != culprit else path[1:]
        if path:
            found[path] += 1
    return sorted(found, key=lambda one: (-found[one], one))


def _upwards(
    call: RecordedCall,
    calls: dict[str, RecordedCall],
    failing: Collection[str],
    visit: str | None,
) -> Path:
    """The services from the callee up to the last visit that fails; empty if none does."""
    way, last = [call.callee], 1 if visit in failing else 0
    above: RecordedCall | None = call
    while above is not None and len(way) < _DEEPEST:
        way.append(above.caller)
        if above.visit in failing:
            last = len(way)
        above = calls.get(above.parent_span_id or "")
    return tuple(way[:last])


def _callees(records: Records, caller: str) -> set[str]:
    return {call.callee for call in records.calls if call.caller == caller}
