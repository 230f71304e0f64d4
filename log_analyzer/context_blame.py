"""Whom one trace blames: the deepest failing span, or the callee that it waited for. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from firstcause.log_event import LogEvent
from log_analyzer.call_graph import CallGraph
from log_analyzer.trace_spans import Span, TraceSpans, named_callee

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
        above: the services that fail above it, nearest first.
    """

    service_name: str
    log: LogEvent
    waiting: str | None
    above: tuple[str, ...]


def blame(logs: tuple[LogEvent, ...], call_graph: CallGraph) -> Blame | None:
    """Whom the logs of one trace blame; None when nothing in it fails.

    Of several deepest failing spans the one that failed first. When its error names a service
    that it calls, or says that no answer came while it waited for one, and that one does not
    say that it succeeded, the blame is the callee's: it could not even log.
    """
    trace = TraceSpans(logs)
    if not trace.failing:
        return None
    span = trace.deepest_failing[0]
    failing = {one.key for one in trace.failing}
    above = [one for one in trace.above(span) if one.key in failing]
    shown = span.first_failure or span.logs[0]
    if not span.errors:
        # It ended badly and said no more than WARN: its caller's error tells the story.
        told = next((one for one in above if one.errors), None)
        if told is not None:
            return Blame(span.service_name, told.errors[0], told.service_name, _names(above, span))
        return Blame(span.service_name, shown, None, _names(above, span))
    for error in span.errors:
        callee = _silent_callee(trace, span, error, call_graph)
        if callee is not None:
            names = tuple(dict.fromkeys((span.service_name, *_names(above, span))))
            return Blame(
                callee, error, span.service_name, tuple(one for one in names if one != callee)
            )
    return Blame(span.service_name, shown, None, _names(above, span))


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


def _names(spans: list[Span], below: Span) -> tuple[str, ...]:
    names = dict.fromkeys(one.service_name for one in spans)
    return tuple(name for name in names if name != below.service_name)
