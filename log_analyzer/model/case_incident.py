"""Turns a ranked window of events into an incident, to ask the model about it. Pure.

Nothing of a label gets in: what the model sees is the ranking and lines of the window.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Final
from uuid import UUID

from firstcause.derived_ids import derived_id
from firstcause.events.log_event import ERROR_LEVELS, LogEvent
from firstcause.incidents.view import (
    ContextLog,
    ErrorGroup,
    Evidence,
    IncidentContext,
    IncidentView,
    NormalRanking,
)
from log_analyzer.context.selection import context_log
from log_analyzer.suspects.normal_comparison import suspect_of
from root_cause.causal_path.path import CausalPath, hop_sentence
from root_cause.explanation.reasons import reasons
from root_cause.ranking.ranker import Ranking, Suspect
from root_cause.traces.event_key import template

SUSPECTS: Final = 5
# Error lines of one group beyond these say nothing new.
LINES_OF_A_GROUP: Final = 2
NO_ERRORS: Final = "no error was logged"


def case_incident(
    events: Sequence[LogEvent], ranking: Ranking, path: CausalPath | None = None
) -> IncidentView:
    """The incident of a window: the ranking as its suspects, and a few telling lines.

    Telling are the first errors of each group since the first suspect's evidence begins, and the
    lines that the reasons cite. The window must not be empty.
    """
    in_time = sorted(events, key=lambda one: (one.timestamp_ms, one.log_id))
    suspects = ranking.suspects[:SUSPECTS]
    shown = tuple(map(suspect_of, suspects))
    since_ms = suspects[0].since_ms if suspects else in_time[0].timestamp_ms
    groups = _groups(one for one in in_time if one.timestamp_ms >= since_ms)
    errors = sorted(
        (one for group in groups.values() for one in group[:LINES_OF_A_GROUP]),
        key=lambda one: (one.timestamp_ms, one.log_id),
    )
    reporting = max(groups, key=lambda one: len(groups[one]), default=None)
    service, said = reporting or (in_time[0].service_name, NO_ERRORS)
    named = [one.service_name for one in suspects]
    return IncidentView(
        incident_id=derived_id("evaluated-incident", in_time[0].log_id, in_time[-1].log_id),
        fingerprint=_fingerprint(service, said),
        status="open",
        service_name=service,
        template=said,
        title=f"{service}: {said}",
        severity="medium",
        suspects=tuple(named),
        services=tuple(dict.fromkeys([*named, *(name for name, _ in groups)])),
        error_count=sum(map(len, groups.values())),
        first_ms=errors[0].timestamp_ms if errors else since_ms,
        last_ms=max((group[-1].timestamp_ms for group in groups.values()), default=since_ms),
        evidence=tuple(map(_evidence, errors)),
        analyses=(),
        message=None,
        groups=tuple(
            ErrorGroup(
                _fingerprint(name, text),
                name,
                text,
                len(group),
                group[0].timestamp_ms,
                group[-1].timestamp_ms,
            )
            for (name, text), group in groups.items()
        ),
        context=IncidentContext(
            gathered_ms=in_time[-1].timestamp_ms,
            suspects=shown,
            trace_logs=tuple(_cited(suspects, in_time)),
            ranking=NormalRanking(
                culprit=ranking.culprit,
                suspects=shown,
                fits_normal=ranking.fits_normal,
                clocks_moved=ranking.clocks_moved,
                path=path.services if path else (),
                hops=tuple(map(hop_sentence, path.hops)) if path else (),
                normal_version="baseline",
                learned_ms=in_time[0].timestamp_ms,
                start_ms=in_time[0].timestamp_ms,
                end_ms=in_time[-1].timestamp_ms + 1,
                events=len(events),
            ),
        ),
    )


def _groups(events: Iterable[LogEvent]) -> dict[tuple[str, str], list[LogEvent]]:
    """Errors by service and template, in time; the largest group first."""
    found: dict[tuple[str, str], list[LogEvent]] = defaultdict(list)
    for event in events:
        if event.level in ERROR_LEVELS:
            found[event.service_name, template(event.message, is_error=True)].append(event)
    return dict(sorted(found.items(), key=lambda item: (-len(item[1]), item[0])))


def _fingerprint(service_name: str, said: str) -> UUID:
    return derived_id("evaluated-group", service_name, said)


def _evidence(event: LogEvent) -> Evidence:
    return Evidence(
        event.log_id,
        event.timestamp_ms,
        event.service_name,
        event.level,
        event.message,
        event.error_code,
        event.trace_id,
        event.span_id,
        event.parent_span_id,
    )


def _cited(suspects: Sequence[Suspect], events: Iterable[LogEvent]) -> list[ContextLog]:
    """The first line that each reason cites, the weightiest reasons of all suspects first."""
    of = {one.log_id: one for one in events}
    by_suspect = [[one.log_ids[:1] for one in reasons(suspect)] for suspect in suspects]
    longest = max(map(len, by_suspect), default=0)
    wanted = dict.fromkeys(
        log_id
        for place in range(longest)
        for cited in by_suspect
        if place < len(cited)
        for log_id in cited[place]
        if log_id in of
    )
    return [context_log(of[log_id]) for log_id in wanted]
