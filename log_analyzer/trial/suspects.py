"""Ranks the suspects of an incident of recorded events as the analyzer does. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from firstcause.events.log_event import LogEvent
from firstcause.incidents.view import NormalRanking
from firstcause.normal.composed_normal_store import LearnedNormal
from log_analyzer.context.selection import choose_traces, with_evidence
from log_analyzer.incidents.call_graph import CallGraph
from log_analyzer.suspects.neighbours import Neighbour, own_window
from log_analyzer.suspects.normal_comparison import joined_suspects, ranked
from log_analyzer.suspects.other_incidents import without_others
from log_analyzer.suspects.trace_spans import calls_of
from log_analyzer.suspects.trace_suspects import rank_suspects
from log_analyzer.suspects.window import window_around
from log_analyzer.suspects.window_logs import LogReading
from log_analyzer.trial.incidents import RecordedIncident
from root_cause.normal.learned_counts import Normal


def suspects_of(
    incident: RecordedIncident,
    incidents: Sequence[RecordedIncident],
    events: Sequence[LogEvent],
    traces: Mapping[str, Sequence[LogEvent]],
    normal: Normal,
) -> tuple[str, ...]:
    """The suspects of an incident as its message would name them at last, the likeliest first.

    Args:
        incident: one of those of the events.
        incidents: all of them.
        events: all that was recorded, of any level.
        traces: the events by trace id.
        normal: what the system does when nothing is wrong.
    """
    read = [traces[one] for one in choose_traces(incident.evidence) if one in traces]
    found = with_evidence(read, incident.evidence)
    by_traces = rank_suspects(found, incident.groups, CallGraph(calls_of(found)))
    ranking = ranking_of(incident, incidents, events, normal)
    return tuple(one.service_name for one in joined_suspects(ranking, by_traces))


def ranking_of(
    incident: RecordedIncident,
    incidents: Sequence[RecordedIncident],
    events: Sequence[LogEvent],
    normal: Normal,
) -> NormalRanking | None:
    """What the comparison with normal says of an incident at last; arguments as `suspects_of`."""
    window = window_around(incident.first_ms)
    inside = tuple(one for one in events if window.start_ms <= one.timestamp_ms < window.end_ms)
    ids = {one.log_id for one in inside}
    neighbours = [
        Neighbour(one.first_ms, min(one.last_ms, window.end_ms), len(one.log_ids & ids))
        for one in incidents
        if one.incident_id != incident.incident_id and one.log_ids & ids
    ]
    own = own_window(incident.first_ms, len(incident.log_ids & ids), neighbours, has_normal=True)
    ended_ms = max(one.timestamp_ms for one in events) + 60_000
    others = {
        bytes.fromhex(log_id.replace("-", ""))
        for one in incidents
        if one.incident_id != incident.incident_id
        for log_id in one.log_ids
    }
    return ranked(
        without_others(LogReading(inside, whole=True), others),
        (),
        LearnedNormal(normal, "recorded", ended_ms),
        own,
        incident.first_ms,
        ended_ms,
    )
