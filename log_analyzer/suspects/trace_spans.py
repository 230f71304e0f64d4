"""Reconstructs the spans of a trace from its logs: callers, callees, failures. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from firstcause.events.log_event import LogEvent
from log_analyzer.incidents.call_graph import Call

# A server's own fault, or a call that its caller gave up (499, as nginx counts it).
CALLER_GONE: Final = 499
OK_BELOW: Final = 400
# What instrumentations call the service that a client calls: OpenTelemetry's name first.
CALLEE_ATTRIBUTES: Final = ("peer.service", "callee")

# A service and its span id; a log without one belongs to its service's span of that trace.
SpanKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Span:
    """What one service logged in one span of a trace; `logs` are never empty, in event time."""

    service_name: str
    span_id: str
    parent_span_id: str | None
    logs: tuple[LogEvent, ...]

    @property
    def key(self) -> SpanKey:
        """What it is found by within its trace."""
        return self.service_name, self.span_id

    @property
    def errors(self) -> tuple[LogEvent, ...]:
        """Its ERROR and FATAL logs."""
        return tuple(log for log in self.logs if log.is_error)

    @property
    def first_failure(self) -> LogEvent | None:
        """The first log that shows that it failed: an error, or a status of 499 and above."""
        return next((log for log in self.logs if log.is_error or _failed(log)), None)

    @property
    def succeeded(self) -> bool:
        """True when it says so: a status below 400, and nothing that shows a failure."""
        statuses = [log.status_code for log in self.logs if log.status_code is not None]
        return bool(statuses) and max(statuses) < OK_BELOW and self.first_failure is None


class TraceSpans:
    """The spans of one trace, the same whatever the order in which its logs came."""

    def __init__(self, logs: Iterable[LogEvent]) -> None:
        by_key: dict[SpanKey, list[LogEvent]] = {}
        for log in sorted(logs, key=lambda one: (one.timestamp_ms, one.log_id)):
            by_key.setdefault((log.service_name, log.span_id or ""), []).append(log)
        self.spans: Final[Mapping[SpanKey, Span]] = {
            key: Span(*key, _first(log.parent_span_id for log in found), tuple(found))
            for key, found in by_key.items()
        }
        self._of_id: dict[str, list[Span]] = {}
        for span in self.spans.values():
            if span.span_id:
                self._of_id.setdefault(span.span_id, []).append(span)

    def parent(self, span: Span) -> Span | None:
        """The span that called it; None for the first, or if the caller logged nothing."""
        found = self._of_id.get(span.parent_span_id or "", ())
        return next((one for one in found if one.key != span.key), None)

    def children(self, span: Span) -> tuple[Span, ...]:
        """The spans that it called, in the order of their first logs."""
        return tuple(one for one in self.spans.values() if self.parent(one) is span)

    def above(self, span: Span) -> tuple[Span, ...]:
        """Its caller, the caller's caller and so on; a loop in what was logged ends it."""
        found: list[Span] = []
        seen = {span.key}
        parent = self.parent(span)
        while parent is not None and parent.key not in seen:
            seen.add(parent.key)
            found.append(parent)
            parent = self.parent(parent)
        return tuple(found)

    @property
    def failing(self) -> tuple[Span, ...]:
        """The spans that failed, by the time of their first failure."""
        found = [
            (log.timestamp_ms, log.log_id, span)
            for span in self.spans.values()
            if (log := span.first_failure) is not None
        ]
        return tuple(span for _, _, span in sorted(found, key=lambda one: one[:2]))

    @property
    def deepest_failing(self) -> tuple[Span, ...]:
        """Failing spans without a failing one below them, by the time of their first failure."""
        failing = self.failing
        over = {above.key for span in failing for above in self.above(span)}
        return tuple(span for span in failing if span.key not in over) or failing

    @property
    def calls(self) -> Mapping[Call, int]:
        """Calls between two services, and the time (event time, ms) of the callee's last line."""
        seen: dict[Call, int] = {}
        for span in self.spans.values():
            parent = self.parent(span)
            if parent is not None and parent.service_name != span.service_name:
                call = (parent.service_name, span.service_name)
                seen[call] = max(seen.get(call, 0), span.logs[-1].timestamp_ms)
        return seen


def calls_of(traces: Iterable[Sequence[LogEvent]]) -> dict[Call, int]:
    """The calls of several traces, each with the event time (ms) when it was seen last."""
    seen: dict[Call, int] = {}
    for trace in traces:
        for call, ms in TraceSpans(trace).calls.items():
            seen[call] = max(seen.get(call, 0), ms)
    return seen


def named_callee(log: LogEvent) -> str | None:
    """The service that a log says it called, by an attribute; None when it has none."""
    return _first(log.attributes.get(name) for name in CALLEE_ATTRIBUTES)


def _failed(log: LogEvent) -> bool:
    return log.status_code is not None and log.status_code >= CALLER_GONE


def _first(values: Iterable[str | None]) -> str | None:
    return next((one for one in values if one), None)
