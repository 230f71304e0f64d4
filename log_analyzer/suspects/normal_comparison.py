"""Converts a ranking against normal, and joins it with the suspects from traces.

Pure; the ranking itself is `root_cause.ranking.ranker`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from firstcause.events.span import Span
from firstcause.incidents.view import NormalRanking, Suspect
from firstcause.normal.composed_normal_store import LearnedNormal
from log_analyzer.suspects.neighbours import begun_within, is_short
from log_analyzer.suspects.window import (
    LEAD_MS,
    RankingWindow,
    is_near,
    settled,
    start_of_fault,
    window_around,
)
from log_analyzer.suspects.window_logs import LogReading
from root_cause.causal_path.finding import path_of
from root_cause.causal_path.path import hop_sentence
from root_cause.explanation import reasons
from root_cause.ranking import ranker

SUSPECTS_KEPT: Final = 5
LOG_IDS_KEPT: Final = 3
REASONS_KEPT: Final = 3
SUSPECTS_SHOWN: Final = 10
NS_PER_MS: Final = 1_000_000


def ranked(
    reading: LogReading,
    spans: Iterable[Span],
    learned: LearnedNormal | None,
    window: RankingWindow,
    first_ms: int,
    now_ms: int,
) -> NormalRanking:
    """What all evidence in the window's events says.

    Args:
        reading: the events of the whole window around the first error.
        spans: those of the same traces; may be empty.
        learned: the normal in force at that time; None if nothing was learned yet.
        window: the part of it that is compared: in the rest, other incidents run.
        first_ms: the incident's first error (event time).
        now_ms: the wall clock; what claims to be later has a clock that is ahead.
    """
    whole = window_around(first_ms)
    known = settled(reading.events, whole, now_ms)
    events = known if window == whole else begun_within(known, window)
    traces = {event.trace_id for event in events}
    spans = tuple(
        one
        for one in spans
        if one.trace_id in traces and is_near(one.start_ns // NS_PER_MS, window)
    )
    young = start_of_fault(first_ms, known, now_ms) is not None
    start_ms = first_ms - LEAD_MS if young or is_short(window, first_ms) else None
    normal = learned.normal if learned is not None else None
    found = ranker.rank(events, spans, normal, start_ms)
    path = path_of(found, events, spans, normal)
    return NormalRanking(
        culprit=found.culprit,
        suspects=tuple(map(suspect_of, found.suspects[:SUSPECTS_KEPT])),
        fits_normal=found.fits_normal,
        normal_version=learned.version if learned else "",
        learned_ms=learned.learned_at_ms if learned else 0,
        start_ms=window.start_ms,
        end_ms=window.end_ms,
        events=len(events),
        spans=len(spans),
        whole=reading.whole,
        young=young,
        onset_ms=first_ms,
        clocks_moved=found.clocks_moved,
        path=path.services if path else (),
        hops=tuple(map(hop_sentence, path.hops)) if path else (),
    )


def joined_suspects(
    ranking_: NormalRanking | None, by_traces: tuple[Suspect, ...]
) -> tuple[Suspect, ...]:
    """All suspects, each once: in the order of the ranking, then those from traces only.

    Each has the reasons of both. Before there is a ranking they are those of the traces.
    """
    if ranking_ is None:
        return by_traces
    traced = {one.service_name: one for one in by_traces}
    departing = {
        one.service_name: _both(one, traced.get(one.service_name)) for one in ranking_.suspects
    }
    order = dict.fromkeys((*departing, *traced))
    return tuple(departing.get(name) or traced[name] for name in order)[:SUSPECTS_SHOWN]


def _both(ranked_: Suspect, traced: Suspect | None) -> Suspect:
    if traced is None:
        return ranked_
    return replace(
        ranked_,
        score=traced.score,
        reasons=(*ranked_.reasons, *traced.reasons),
        log_ids=tuple(dict.fromkeys((*ranked_.log_ids, *traced.log_ids))),
    )


def suspect_of(found: ranker.Suspect) -> Suspect:
    """A ranked suspect as people see it: sentences that cite the lines that show them."""
    told = reasons.reasons(found)[:REASONS_KEPT]
    log_ids = dict.fromkeys(log_id for one in told for log_id in one.log_ids)
    return Suspect(
        service_name=found.service_name,
        reasons=tuple(map(_sentence, told)),
        log_ids=tuple(log_ids)[:LOG_IDS_KEPT],
        departure=round(found.score, 2),
        in_short=told[0].short if told else "",
    )


def _sentence(reason: reasons.Reason) -> str:
    """A reason with the first log line, or else the trace, that shows it."""
    if reason.log_ids:
        shown = f"log {reason.log_ids[0]}"
    elif reason.trace_ids:
        shown = f"trace {reason.trace_ids[0]}"
    else:
        return reason.sentence
    return f"{reason.sentence.removesuffix('.')} ({shown})."
