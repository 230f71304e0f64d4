"""Gathers an incident's context from the stored logs, in bounded time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from cassandra.cluster import Session

from firstcause.events.log_event import LogEvent
from firstcause.incidents.view import IncidentContext, IncidentView, Suspect
from firstcause.storage.cassandra import AWAY
from log_analyzer.context.assembly import SUSPECTS_SAMPLED, ServiceSamples, make_context
from log_analyzer.context.log_reader import ContextLogReader
from log_analyzer.context.selection import choose_traces, groups_of, with_evidence
from log_analyzer.context.windows import window_before, window_since, windows_of_the_hour_before
from log_analyzer.incidents.call_graph import Call, CallGraph, CallGraphStore
from log_analyzer.incidents.stores.trace_complaints import TraceComplaints
from log_analyzer.suspects.onset import onset_ms
from log_analyzer.suspects.trace_complaint import complaint_of
from log_analyzer.suspects.trace_spans import calls_of
from log_analyzer.suspects.trace_suspects import rank_suspects

GRAPH_KEPT_SECONDS: Final = 60.0

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class GatherLimits:
    """How long each step waits for Cassandra at the most; together 3 s."""

    holds_seconds: float = 0.3
    graph_seconds: float = 0.2
    traces_seconds: float = 1.2
    windows_seconds: float = 1.3


@dataclass(frozen=True, slots=True)
class Gathered:
    """A context, the calls that its traces showed (last seen, event time in ms).

    `complaints` names by trace id the service that the trace complains of.
    `complete` is False when something could not be read, or is not stored yet.
    """

    context: IncidentContext
    calls: dict[Call, int]
    complaints: dict[str, str]
    complete: bool


class ContextGatherer:
    """Reads what a person would look at. Owned by one thread.

    `is_stored` and `gather` block, as long as the limits say and the program itself needs; a slow
    or absent Cassandra makes a smaller context, never an error.
    """

    def __init__(
        self,
        session: Session,
        limits: GatherLimits = GatherLimits(),
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._logs = ContextLogReader(session)
        self._graphs = CallGraphStore(session)
        self._graph = CallGraph()
        self._told = TraceComplaints(session)
        self._services: frozenset[str] = frozenset()
        self._graph_until = 0.0
        self._limits = limits
        self._clock_ms = clock_ms
        self._monotonic = monotonic

    def is_stored(self, view: IncidentView) -> bool:
        """True when the last error that the incident keeps is among the stored logs."""
        if not view.evidence:
            return False
        newest = max(view.evidence, key=lambda one: (one.timestamp_ms, one.log_id))
        return self._logs.holds(newest, self._limits.holds_seconds)

    def gather(self, view: IncidentView) -> Gathered:
        """The current context of an incident."""
        chosen = choose_traces(view.evidence, onset_ms(view))
        read = self._logs.of_traces(chosen, self._limits.traces_seconds)
        traces = with_evidence((one for one in read if one is not None), view.evidence)
        calls = calls_of(traces)
        self._graph = self._known_calls().with_calls(calls)
        suspects = rank_suspects(traces, groups_of(view), self._graph)
        samples = self._samples(view, suspects)
        complete = (
            all(one is not None for one in read)
            and all(one.complete for one in samples)
            and self.is_stored(view)
        )
        context = make_context(suspects, traces, samples, self._clock_ms())
        return Gathered(context, calls, self._complaints(read, view), complete)

    def save(self, gathered: Gathered) -> None:
        """Tells others what traces showed. Raises the driver's errors; safe to repeat."""
        self._graphs.save(gathered.calls)
        self._told.tell(gathered.complaints)

    def _complaints(
        self, traces: Sequence[Sequence[LogEvent] | None], view: IncidentView
    ) -> dict[str, str]:
        heard = {log.service_name for trace in traces for log in trace or ()}
        services = heard.union(self._services, view.services, *self._graph.calls)
        return {
            trace[0].trace_id: complaint
            for trace in traces
            if trace
            and trace[0].trace_id is not None
            and (complaint := complaint_of(trace, services)) is not None
        }

    def _samples(
        self, view: IncidentView, suspects: tuple[Suspect, ...]
    ) -> tuple[ServiceSamples, ...]:
        names = [one.service_name for one in suspects[:SUSPECTS_SAMPLED]]
        first, last = onset_ms(view), view.last_ms
        of_hour = [windows_of_the_hour_before(name, first) for name in names]
        windows = [
            window
            for name, hour in zip(names, of_hour, strict=True)
            for window in (window_before(name, first), window_since(name, first, last), *hour)
        ]
        ends_at = self._monotonic() + self._limits.windows_seconds
        samples = iter(self._logs.of_windows(windows, self._limits.windows_seconds))
        warnings = self._logs.of_windows(
            [window_before(name, first) for name in names], ends_at - self._monotonic(), "WARN"
        )
        return tuple(
            ServiceSamples(
                warnings=warned,
                minute_before=next(samples),
                since=next(samples),
                hour_before=tuple(next(samples) for _ in hour),
            )
            for warned, hour in zip(warnings, of_hour, strict=True)
        )

    def _known_calls(self) -> CallGraph:
        if self._monotonic() < self._graph_until:
            return self._graph
        try:
            self._graph = self._graphs.load(self._limits.graph_seconds)
            self._services = self._told.services()
            self._graph_until = self._monotonic() + GRAPH_KEPT_SECONDS
        except AWAY as error:
            # What the traces show is enough for most incidents.
            _log.warning("call_graph_not_read", reason=f"{type(error).__name__}: {error}"[:300])
        return self._graph
