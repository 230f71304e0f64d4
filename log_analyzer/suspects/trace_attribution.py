"""Attributes one failing trace to a service: the deepest failing span, or its callee. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from firstcause.events.log_event import LogEvent
from log_analyzer.incidents.call_graph import CallGraph
from log_analyzer.suspects.trace_spans import Span, TraceSpans, named_callee

_NO_ANSWER: Final = re.compile(
    r"time[sd]?[ _-]?out|timeout|deadline|(?:no|not)(?: good)? answer|not respond|unreachable"
    r"|connection (?:refused|reset|closed)",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Blame:
    """What one trace says.

    Attributes:
        service_name: the service that failed first.
        log: the log line that shows it, of the service itself or of its caller.
        waiting: the caller that got no good answer, where the service itself logged no error.
        above: the first failing log of each service above it, nearest first.
    """

    service_name: str
    log: LogEvent
    waiting: str | None
    above: tuple[LogEvent, ...]


def blame(logs: tuple[LogEvent, ...], call_graph: CallGraph) -> Blame | None:
    """The service that the logs of one trace blame; None if nothing in it fails.

    The vote is for the deepest failing span; among several, for the one that failed first. If its
    error names a service that it calls, or reports no answer while it waited for one, and that
    callee does not report success, the callee is blamed: it could not even log.
    """
    trace = TraceSpans(logs)
    if not trace.failing:
        return None
    span = trace.deepest_failing[0]
    above = [one for one in trace.above(span) if one.first_failure is not None]
    shown = span.first_failure or span.logs[0]
    if not span.errors:
        # It ended badly and said no more than WARN: its caller's error tells the story.
        told = next((one for one in above if one.errors), None)
        if told is not None:
            shown = told.errors[0]
        waiting = told.service_name if told is not None else None
        return Blame(span.service_name, shown, waiting, _failures(above, span.service_name))
    for error in span.errors:
        callee = _silent_callee(trace, span, error, call_graph)
        if callee is not None:
            return Blame(callee, error, span.service_name, _failures([span, *above], callee))
    return Blame(span.service_name, shown, None, _failures(above, span.service_name))


def _silent_callee(
    trace: TraceSpans, span: Span, error: LogEvent, call_graph: CallGraph
) -> str | None:
    children = trace.children(span)
    callers = {span.service_name, *(one.service_name for one in trace.above(span))}
    answered = {one.service_name for one in children if one.succeeded}
    called = {one.service_name for one in children} | call_graph.callees_of(span.service_name)
    named = named_callee(error) or _named_in(error.message, called)
    if named is not None:
        return None if named in callers | answered else named
    text = " ".join((error.message, error.error_code or "", (error.exception or "")[:200]))
    if not _NO_ANSWER.search(text):
        return None
    before = [one for one in children if one.logs[0].timestamp_ms <= error.timestamp_ms]
    if not before:
        return None
    last = before[-1]
    # Its caller went on to something else meanwhile, so that is what gave no answer.
    went_on = any(
        last.logs[0].timestamp_ms < log.timestamp_ms < error.timestamp_ms for log in span.logs
    )
    return None if went_on or last.service_name in callers | answered else last.service_name


def _named_in(message: str, services: set[str]) -> str | None:
    """The first of these services that a message names as a word of its own."""
    found = [
        (match.start(), name)
        for name in services
        if (match := re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", message))
    ]
    return min(found)[1] if found else None


def _failures(spans: list[Span], below: str) -> tuple[LogEvent, ...]:
    """The first failing log of each service but `below`, in the order of the spans."""
    found: dict[str, LogEvent] = {}
    for span in spans:
        log = span.first_failure
        if log is not None and span.service_name != below:
            known = found.setdefault(span.service_name, log)
            if (log.timestamp_ms, log.log_id) < (known.timestamp_ms, known.log_id):
                found[span.service_name] = log
    return tuple(found.values())
