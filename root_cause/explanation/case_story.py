"""Summarises one ranked case: call graph, errors by service, suspects. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from firstcause.events.log_event import ERROR_LEVELS, LogEvent
from firstcause.events.span import Span
from root_cause.evaluation.measure import Outcome
from root_cause.evidence.piece import Deviation, Failure, Slowness
from root_cause.explanation.reasons import reasons
from root_cause.ranking.ranker import Suspect
from root_cause.traces.durations import Stretch
from root_cause.traces.event_key import service_of

# Pieces of less weight than that explain nothing to anybody.
_LEAST_WEIGHT: Final = 0.3

Call = tuple[str, str]


@dataclass(frozen=True, slots=True)
class CaseStory:
    """One case.

    Attributes:
        calls: how often one service called another, by (caller, callee).
        errors: ERROR and FATAL lines since the fault began, by service.
        naming: how many of these name the culprit.
        suspects: the ranking's, the most likely first.
        reason: the weightiest of the first suspect, as a sentence; empty if there is none.
        call_findings: what is wrong with a call to the first suspect, in few words.
        own_finding: what is wrong inside of the first suspect, in few words; empty if nothing is.
    """

    name: str
    fault: str
    culprit: str | None
    calls: Mapping[Call, int]
    errors: Mapping[str, int]
    naming: int
    suspects: tuple[Suspect, ...]
    reason: str
    call_findings: Mapping[Call, str]
    own_finding: str


def case_story(outcome: Outcome, events: Iterable[LogEvent], spans: Sequence[Span]) -> CaseStory:
    """The story of a ranked case; `spans` are the case's own, also where the ranking saw none."""
    case, suspects = outcome.case, outcome.ranking.suspects
    complaints = [
        one for one in events if one.level in ERROR_LEVELS and one.timestamp_ms >= case.inject_ms
    ]
    calls = calls_of(spans)
    told = reasons(suspects[0]) if suspects else ()
    found, own = _findings(suspects[0], calls) if suspects else ({}, "")
    return CaseStory(
        name=case.name,
        fault=case.fault,
        culprit=case.culprit,
        calls=calls,
        errors=Counter(one.service_name for one in complaints),
        naming=sum(case.culprit is not None and case.culprit in one.message for one in complaints),
        suspects=suspects,
        reason=told[0].sentence if told else "",
        call_findings=found,
        own_finding=own,
    )


def calls_of(spans: Iterable[Span]) -> dict[Call, int]:
    """How often one service called another: a span whose parent is of another service."""
    found = {(one.trace_id, one.span_id): one for one in spans}
    calls: Counter[Call] = Counter()
    for span in found.values():
        parent = found.get((span.trace_id, span.parent_span_id or ""))
        if parent is not None and parent.service_name != span.service_name:
            calls[parent.service_name, span.service_name] += 1
    return dict(calls)


def _findings(suspect: Suspect, calls: Mapping[Call, int]) -> tuple[dict[Call, str], str]:
    """The weightiest finding of each call to a suspect, and of what it does itself."""
    of_calls: dict[Call, str] = {}
    own = ""
    for piece in suspect.pieces:
        if piece.weight < _LEAST_WEIGHT:
            break
        finding = piece.finding
        if isinstance(finding, Slowness):
            if finding.key.stretch == Stretch.NET:
                of_calls.setdefault((finding.key.one, finding.key.other), _slow(finding))
            else:
                own = own or _slow(finding)
            continue
        if isinstance(finding, Failure):
            own = own or f"{finding.count:,} x {finding.level}"
            continue
        call = _call_of(finding, suspect.service_name, calls)
        if call is not None:
            of_calls.setdefault(call, _missing(finding))
        else:
            own = own or _missing(finding)
    return of_calls, own


def _call_of(finding: Deviation, suspect: str, calls: Mapping[Call, int]) -> Call | None:
    """The call to the suspect that a deviation is about: of who goes on instead, or went before."""
    if service_of(finding.here) == suspect and service_of(finding.expected) == suspect:
        return None
    for key in (finding.instead, finding.expected, finding.here):
        call = (service_of(key), suspect)
        if call in calls:
            return call
    return None


def _missing(finding: Deviation) -> str:
    return f"missing {round(finding.now - finding.expected_now):,} of {round(finding.now):,}"


def _slow(finding: Slowness) -> str:
    return f"{_time(finding.typical_ms)}, usually {_time(finding.usual_ms)}"


def _time(ms: float) -> str:
    return f"{ms / 1000:.1f} s" if ms >= 1000 else f"{ms:.0f} ms"  # noqa: PLR2004
