"""Ranks suspects by errors alone: the deepest failing service first. Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FailingSpan:
    """One error seen in a trace; event time in ms since the epoch."""

    trace_id: str
    service_name: str
    timestamp_ms: int
    span_id: str | None
    parent_span_id: str | None


def failing_services(
    first_ms: Mapping[str, int],
    spans: Iterable[FailingSpan],
    calls: Collection[tuple[str, str]] = (),
) -> tuple[str, ...]:
    """The failing services, most likely culprit first.

    In each trace in which several services fail, the deepest failing spans are those that no
    other failing span names as its parent; the one that failed first among them gets the trace's
    vote. Services order by votes, then by how many of the failing services they call (directly or
    not; callees are deeper), then by who failed first.

    Args:
        first_ms: when each failing service logged its first error (event time).
        spans: errors of the incident that have a trace.
        calls: pairs of caller and callee.
    """
    traces: dict[str, list[FailingSpan]] = defaultdict(list)
    for span in spans:
        traces[span.trace_id].append(span)
    votes: Counter[str] = Counter()
    for trace in traces.values():
        if len({span.service_name for span in trace}) > 1:
            votes[_deepest(trace)] += 1
    below = {name: len(_reached(name, calls) & first_ms.keys()) for name in first_ms}
    return tuple(
        sorted(first_ms, key=lambda name: (-votes[name], below[name], first_ms[name], name))
    )


def _deepest(trace: Sequence[FailingSpan]) -> str:
    # A span may log several errors; its own id among the parents is not a child of it.
    parents = {span.parent_span_id for span in trace if span.parent_span_id}
    deepest = [span for span in trace if span.span_id not in parents] or trace
    return min(deepest, key=lambda span: (span.timestamp_ms, span.service_name)).service_name


def _reached(service: str, calls: Collection[tuple[str, str]]) -> set[str]:
    """The services that a service calls, directly or through others."""
    reached: set[str] = set()
    waiting = [service]
    while waiting:
        caller = waiting.pop()
        for one, callee in calls:
            if one == caller and callee not in reached:
                reached.add(callee)
                waiting.append(callee)
    return reached - {service}
