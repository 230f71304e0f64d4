"""Who is to blame, first simple version: the deepest failing service of the shared traces."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from firstcause.log_event import LogEvent

TRACES_KEPT: Final = 20_000
SPANS_OF_A_TRACE: Final = 50


@dataclass(frozen=True, slots=True)
class FailingSpan:
    """One error seen in a trace."""

    service_name: str
    timestamp_ms: int
    span_id: str | None
    parent_span_id: str | None


class RecentTraces:
    """The errors of recent traces that this process has seen, whatever their incident.

    Holds at most `TRACES_KEPT` traces of `SPANS_OF_A_TRACE` errors; the oldest go first. Lost on
    a restart: what was found out by then stands with the incident.
    """

    def __init__(self) -> None:
        self._traces: OrderedDict[str, list[FailingSpan]] = OrderedDict()

    def add(self, event: LogEvent) -> None:
        """Remembers an error; one without a trace is ignored."""
        if event.trace_id is None:
            return
        spans = self._traces.setdefault(event.trace_id, [])
        span = FailingSpan(
            event.service_name, event.timestamp_ms, event.span_id, event.parent_span_id
        )
        if len(spans) < SPANS_OF_A_TRACE and span not in spans:
            spans.append(span)
        if len(self._traces) > TRACES_KEPT:
            self._traces.popitem(last=False)

    def of(self, trace_ids: Iterable[str]) -> list[list[FailingSpan]]:
        """The errors of these traces, a list a trace; unknown traces are left out."""
        return [self._traces[trace] for trace in trace_ids if trace in self._traces]


def rank_suspects(own_service: str, traces: Iterable[list[FailingSpan]]) -> tuple[str, ...]:
    """Services, most likely first; the last resort is the service that logged the errors.

    In each trace the deepest failing spans are those that no other failing span names as its
    parent; the one that failed first among them gets the trace's vote. Services order by votes,
    then by who failed first; those without a vote follow in the order in which they failed.
    """
    votes: Counter[str] = Counter()
    first_ms: dict[str, int] = {own_service: 2**63}
    for spans in traces:
        # A span may log several errors; its own id among the parents is not a child of it.
        parents = {span.parent_span_id for span in spans if span.parent_span_id}
        deepest = [span for span in spans if span.span_id not in parents] or spans
        vote = min(deepest, key=lambda span: (span.timestamp_ms, span.service_name))
        votes[vote.service_name] += 1
        for span in spans:
            known = first_ms.get(span.service_name, span.timestamp_ms)
            first_ms[span.service_name] = min(known, span.timestamp_ms)
    return tuple(sorted(first_ms, key=lambda name: (-votes[name], first_ms[name], name)))
