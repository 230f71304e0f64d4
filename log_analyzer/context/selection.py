"""Selects the traces and log lines that a context keeps. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from firstcause.events.log_event import LEVELS, LogEvent
from firstcause.incidents.view import ContextLog, ErrorGroup, Evidence, IncidentView
from log_analyzer.redaction.redactor import cut_apart
from log_templates.miner import TemplateMiner

TRACES_READ: Final = 24
EARLIEST_TRACES: Final = 8
TRACES_SHOWN: Final = 2
LOGS_OF_A_TRACE_SHOWN: Final = 30
LOGS_BEFORE_SHOWN: Final = 15
MESSAGE_CHARS: Final = 500
_RANK: Final = {level: rank for rank, level in enumerate(LEVELS)}


def learned(logs: Iterable[LogEvent]) -> TemplateMiner:
    """A miner that has seen all of these logs, so that each gets the template it ends up with."""
    miner = TemplateMiner()
    for log in logs:
        miner.add(log.message)
    return miner


def choose_traces(evidence: Iterable[Evidence], since_ms: int = 0) -> tuple[str, ...]:
    """The traces to read: the earliest ones, then those in which most services failed.

    Traces that began to fail before `since_ms`, the present onset, come last in both.
    """
    by_trace: dict[str, list[Evidence]] = {}
    for one in evidence:
        if one.trace_id:
            by_trace.setdefault(one.trace_id, []).append(one)
    first = {trace: min(one.timestamp_ms for one in found) for trace, found in by_trace.items()}
    services = {
        trace: len({one.service_name for one in found}) for trace, found in by_trace.items()
    }

    def place(trace: str) -> tuple[bool, int, str]:
        return first[trace] < since_ms, first[trace], trace

    earliest = sorted(by_trace, key=place)
    now = [trace for trace in earliest if first[trace] >= since_ms] or earliest
    widest = sorted(by_trace, key=lambda trace: (place(trace)[0], -services[trace], place(trace)))
    return tuple(dict.fromkeys((*now[:EARLIEST_TRACES], *widest)))[:TRACES_READ]


def with_evidence(
    traces: Iterable[Sequence[LogEvent]], evidence: Iterable[Evidence]
) -> tuple[tuple[LogEvent, ...], ...]:
    """Stored traces, and the errors that the incident itself keeps of them, each log once.

    The stored logs come some seconds after the errors; what is known already shall count.
    """
    found: dict[str, dict[str, LogEvent]] = {}
    for one in evidence:
        if one.trace_id:
            found.setdefault(one.trace_id, {})[one.log_id] = _event(one)
    for trace in traces:
        for log in trace:
            found.setdefault(log.trace_id or "", {})[log.log_id] = log
    return tuple(
        tuple(sorted(logs.values(), key=lambda log: (log.timestamp_ms, log.log_id)))
        for _, logs in sorted(found.items())
    )


def groups_of(view: IncidentView) -> tuple[ErrorGroup, ...]:
    """The incident's groups; of an incident that names none, its own service and template."""
    return view.groups or (
        ErrorGroup(
            view.incident_id,
            view.service_name,
            view.template,
            view.error_count,
            view.first_ms,
            view.last_ms,
        ),
    )


def trace_logs(
    traces: Iterable[Sequence[LogEvent]], log_ids: Iterable[str]
) -> tuple[ContextLog, ...]:
    """The traces that hold these log ids, in this order, the first of them, as far as shown."""
    traces = tuple(traces)
    chosen: dict[int, Sequence[LogEvent]] = {}
    for log_id in log_ids:
        for number, trace in enumerate(traces):
            if len(chosen) < TRACES_SHOWN and any(log.log_id == log_id for log in trace):
                chosen.setdefault(number, trace)
    return tuple(context_log(log) for trace in chosen.values() for log in _most_telling(trace))


def logs_before(logs: Iterable[LogEvent], miner: TemplateMiner) -> tuple[ContextLog, ...]:
    """What a service logged before the errors: WARN and above first, the newest of each template.

    Returned in event time.
    """
    newest: dict[tuple[str, str], LogEvent] = {}
    for log in sorted(logs, key=lambda one: (one.timestamp_ms, one.log_id)):
        newest[log.level, miner.add(log.message).text] = log
    order = sorted(
        newest.values(),
        key=lambda log: (_RANK[log.level] < _RANK["WARN"], -log.timestamp_ms, log.log_id),
    )
    kept = sorted(order[:LOGS_BEFORE_SHOWN], key=lambda log: (log.timestamp_ms, log.log_id))
    return tuple(map(context_log, kept))


def context_log(log: LogEvent) -> ContextLog:
    """A log line as it is kept with an incident, its message cut to `MESSAGE_CHARS`."""
    return ContextLog(
        log.log_id,
        log.timestamp_ms,
        log.service_name,
        log.level,
        cut_apart(log.message, MESSAGE_CHARS),
        log.trace_id,
    )


def _most_telling(trace: Sequence[LogEvent]) -> list[LogEvent]:
    """The most severe lines of a trace, the earlier first among equals; in event time."""

    def by_time(log: LogEvent) -> tuple[int, str]:
        return log.timestamp_ms, log.log_id

    kept = sorted(trace, key=lambda log: (-_RANK[log.level], *by_time(log)))
    return sorted(kept[:LOGS_OF_A_TRACE_SHOWN], key=by_time)


def _event(one: Evidence) -> LogEvent:
    return LogEvent(
        log_id=one.log_id,
        timestamp_ms=one.timestamp_ms,
        service_name=one.service_name,
        level=one.level,
        message=one.message,
        error_code=one.error_code,
        trace_id=one.trace_id,
        span_id=one.span_id,
        parent_span_id=one.parent_span_id,
    )
