"""Ranks the services that may be the culprit of an incident. Pure and deterministic.

Order of arrival, time zones, and the names of services and logs decide nothing.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from firstcause.events.log_event import LogEvent
from firstcause.events.span import Span
from root_cause.evidence.complaint_news import control_of, control_of_first_part
from root_cause.evidence.complaints import complaints_of
from root_cause.evidence.failures import failure_evidence
from root_cause.evidence.lost_lines import Losses
from root_cause.evidence.peer_names import PeerNames
from root_cause.evidence.piece import Piece
from root_cause.evidence.structure import Regularity, structural_evidence
from root_cause.evidence.timing import UsualTimes, slow_evidence, ways
from root_cause.evidence.unheard_peers import with_unheard
from root_cause.normal.learned_counts import Normal
from root_cause.normal.learner import DEBUG_LEVELS
from root_cause.normal.neighbours import Neighbours
from root_cause.ranking.begun import FirstPart
from root_cause.ranking.early_part import EARLY, LEARNED, Window, learned_from_itself, share_ms
from root_cause.ranking.normal_applies import normal_applies
from root_cause.ranking.scores import scores
from root_cause.ranking.service_named_in_error import services_named_in_errors
from root_cause.ranking.window import Tally, facts_of
from root_cause.traces.event_key import event_key, kind_of

# Well above what fault-free minutes compared with one another reach (docs/root-cause.md).
CONFIDENT_FROM: Final = 1.5
# The same without a normal: a window's beginning knows less.
CONFIDENT_FROM_ON_FIRST_DAY: Final = 2.25
# Noise is stored in these parts of a score.
HUNDREDTHS: Final = 100
# One in fifty fault-free times may show more than what counts as noise.
_MORE_THAN_NOISE: Final = 50
# Scores nearer to one another than that leave both suspect.
STANDS_OUT: Final = 2.5
STARTS_EVERY_MS: Final = 30_000
# A start needs that much after it: of less, the greatest of many chances is no evidence.
LEAST_WINDOW_MS: Final = 60_000
_MOST_STARTS: Final = 120
_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Suspect:
    """A service that may be the culprit.

    Attributes:
        rank: from 1; suspects with equal scores share one.
        score: comparable within and between rankings; 0 is nothing.
        pieces: its share of each piece of evidence, the weightiest first.
        since_ms: the start of the part of the window that speaks most clearly (event time).
        begun: the score if what the window's first part shows at the same rate counts half.
    """

    service_name: str
    rank: int
    score: float
    pieces: tuple[Piece, ...]
    since_ms: int
    begun: float = math.inf


@dataclass(frozen=True, slots=True)
class Ranking:
    """The suspects, the most likely first.

    Attributes:
        fits_normal: False when nearly all is new, so that only what services complain of was
            ranked.
        clocks_moved: True when clocks were set right by logs alone: what comes out is a hint
            then, and no more.
        has_normal: False where nothing was learned as normal, so that the window's own beginning
            was all that it could be compared with.
        named_from: the score from which on a suspect can be named.
    """

    suspects: tuple[Suspect, ...]
    fits_normal: bool = True
    clocks_moved: bool = False
    has_normal: bool = True
    named_from: float = CONFIDENT_FROM

    @property
    def inconclusive(self) -> bool:
        """True if no culprit is named, for example because no score stands out."""
        return not self.culprit

    @property
    def culprit(self) -> str | None:
        """The service that is named as the culprit; None if inconclusive."""
        first, second = ([suspect.score for suspect in self.suspects[:2]] + [0.0, 0.0])[:2]
        told = self.fits_normal and not self.clocks_moved
        if not told or first < max(self.named_from, STANDS_OUT * second):
            return None
        if self.suspects[0].begun < self.named_from:
            return None
        return self.suspects[0].service_name


def rank(
    window_events: Iterable[LogEvent],
    window_spans: Iterable[Span],
    normal: Normal | None,
    known_start_ms: int | None = None,
) -> Ranking:
    """Ranks the services of a window by all evidence: what fails, what is missing, what is slow.

    Args:
        window_events: all events of an incident's window, in any order; copies do no harm.
        window_spans: the spans of the same window; may be empty, or of some traces only.
        normal: what the system does when nothing is wrong. None, or an empty one, on the first
            day: then the window's own beginning is compared with the rest of it.
        known_start_ms: since when something is wrong (event time, ms). If None, starts are
            tried every 30 s, and each service counts with the one that speaks most against it.
    """
    events, spans = list(window_events), list(window_spans)
    has_normal = normal is not None and bool(normal.services)
    if normal is not None and has_normal:
        compared = Window(events, spans)
    else:
        until_ms = known_start_ms or share_ms(events, spans, LEARNED)
        normal, compared = learned_from_itself(events, spans, until_ms)
    heard = normal.services.keys() | {event.service_name for event in events}
    heard |= {span.service_name for span in spans}
    names = with_unheard(events, heard)
    window = facts_of(compared.events, compared.spans, normal)
    facts = window.traces
    begin_ms = known_start_ms
    if begin_ms is None:
        begin_ms = share_ms(events, spans, EARLY)
    failures = _failures(events, normal if has_normal else None, names, begin_ms)
    steps = (one.step for fact in facts for one in fact.steps)
    fits_normal = normal_applies(steps, normal)
    regularity = Regularity(normal, names.masked)
    usual = UsualTimes(normal, of_others=not has_normal)
    named = services_named_in_errors(events, names)
    losses = Losses(([one.step.here for one in fact.steps] for fact in facts), Neighbours(normal))
    tally = Tally(names.masked)
    best: dict[str, tuple[float, int, tuple[Piece, ...]]] = {}
    added = 0
    last_ms = facts[0].at_ms if facts else begin_ms
    for start_ms in _starts(begin_ms, last_ms, known_start_ms):
        while added < len(facts) and facts[added].at_ms >= start_ms:
            tally.add(facts[added])
            added += 1
        pieces = list(failures)
        # Of a system that this normal does not know, order and time tell nothing.
        if fits_normal:
            pieces += structural_evidence(
                tally.observed, tally.error_shares, regularity, losses, named
            )
            pieces += slow_evidence(tally.times, tally.roles, usual)
        elif not has_normal:
            # The ways of calls are compared with those to other services, not with their past.
            pieces += slow_evidence(ways(tally.times), tally.roles, usual)
        for service, (score, shares) in scores(pieces).items():
            if service not in best or score >= best[service][0]:
                best[service] = (score, start_ms, shares)
    first_part = Tally(names.masked)
    for fact in facts[added:]:
        first_part.add(fact)
    suspects = tuple(_in_order(best, FirstPart(first_part)))
    return Ranking(
        suspects,
        fits_normal,
        window.clocks_moved,
        has_normal=has_normal,
        named_from=named_from(normal) if has_normal else CONFIDENT_FROM_ON_FIRST_DAY,
    )


def named_from(normal: Normal) -> float:
    """The score from which on a suspect can be named against a normal."""
    return max(CONFIDENT_FROM, noise_of(normal))


def noise_of(normal: Normal) -> float:
    """The score up to which fault-free time may come; 0 if that was never measured.

    At most one in fifty stretches of normal exceeds it. The next stretch exceeds all n before it
    with a chance of 1 / (n + 1): by so much it is higher than the highest of them.
    """
    stretches = normal.noise.total()
    more = stretches // _MORE_THAN_NOISE
    for score in sorted(normal.noise, reverse=True):
        more -= normal.noise[score]
        if more < 0:
            return score / HUNDREDTHS * (1 + 1 / (stretches + 1))
    return 0.0


def _failures(
    events: Sequence[LogEvent], normal: Normal | None, names: PeerNames, begin_ms: int
) -> list[Piece]:
    before = [event for event in events if event.timestamp_ms < begin_ms]
    first_part, early_lines = complaints_of(before, names), _lines(before)
    if normal is not None:
        ranked = [event for event in events if event.timestamp_ms >= begin_ms]
        early = {one.key: one.traces for one in first_part}
        control = replace(control_of(normal, names), early=early, early_lines=early_lines)
    else:
        ranked = list(events)
        control = control_of_first_part(first_part, early_lines, names)
    traces: dict[str, list[LogEvent]] = defaultdict(list)
    for event in sorted(ranked, key=_when):
        if event.trace_id is not None:
            traces[event.trace_id].append(event)
    return failure_evidence(complaints_of(ranked, names), traces, control, names, _lines(ranked))


def _lines(events: Iterable[LogEvent]) -> int:
    return sum(event.level not in DEBUG_LEVELS for event in events)


def _when(event: LogEvent) -> tuple[int, str, str]:
    return (event.timestamp_ms, kind_of(event_key(event)), event.message)


def _starts(first_ms: int, last_ms: int, known_start_ms: int | None) -> Sequence[int]:
    """The starts to try, the latest first."""
    if known_start_ms is not None:
        return (known_start_ms,)
    last_start_ms = max(first_ms, last_ms - LEAST_WINDOW_MS)
    # One stray moment long ago must not make a million of them.
    first_ms = max(first_ms, last_start_ms - _MOST_STARTS * STARTS_EVERY_MS)
    return range(first_ms, last_start_ms + 1, STARTS_EVERY_MS)[::-1]


def _in_order(
    best: Mapping[str, tuple[float, int, tuple[Piece, ...]]], first_part: FirstPart
) -> Iterable[Suspect]:
    found = {name: round(score, _DIGITS) for name, (score, _, _) in best.items()}
    # Names order only those that share a rank, so that one run prints as the next.
    for name in sorted(found, key=lambda one: (-found[one], one)):
        if found[name] > 0:
            above = sum(score > found[name] for score in found.values())
            _, since_ms, pieces = best[name]
            yield Suspect(name, above + 1, found[name], pieces, since_ms, first_part.begun(pieces))
