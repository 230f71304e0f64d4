"""Ranks the services that may be the culprit of an incident. Pure and deterministic.

Order of arrival, time zones, and the names of services and logs decide nothing.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from firstcause.events.log_event import LogEvent
from firstcause.events.span import Span
from root_cause.evidence.complaints import complaints_of
from root_cause.evidence.error_evidence import Control, control_of, error_evidence
from root_cause.evidence.lost_lines import Losses
from root_cause.evidence.peer_names import PeerNames
from root_cause.evidence.piece import Deviation, Failure, Piece, Slowness
from root_cause.evidence.structure import Regularity, structural_evidence
from root_cause.evidence.timing import UsualTimes, slow_evidence
from root_cause.normal.counts import Normal
from root_cause.normal.learner import DEBUG_LEVELS, learn
from root_cause.normal.neighbours import Neighbours
from root_cause.ranking.normal_applies import fits
from root_cause.ranking.service_named_in_error import named_services
from root_cause.ranking.window import Tally, TraceFacts, facts_of

# Well above what fault-free minutes compared with one another reach (docs/root-cause.md).
CONFIDENT_FROM: Final = 1.5
# Scores nearer to one another than that leave both suspect.
STANDS_OUT: Final = 1.4
STARTS_EVERY_MS: Final = 30_000
LEARNED_FROM_WINDOW = False
EF = float(__import__("os").environ.get("EF", "0.2"))
# A start needs that much after it: of less, the greatest of many chances is no evidence.
LEAST_WINDOW_MS: Final = 60_000
# A service's score is its four best pieces of a kind: more of the same says little more.
PIECE_WEIGHTS: Final = (1.0, 0.5, 0.25, 0.125)
_ROUNDS: Final = 3
_MOST_STARTS: Final = 120
# Keeps a service in the running that so far explains nothing.
_LEAST_MASS: Final = 0.1
_DIGITS: Final = 6


@dataclass(frozen=True, slots=True)
class Suspect:
    """A service that may be the culprit.

    Attributes:
        rank: from 1; suspects with equal scores share one.
        score: comparable within and between rankings; 0 is nothing.
        pieces: its share of each piece of evidence, the weightiest first.
        since_ms: the start of the part of the window that speaks most clearly (event time).
    """

    service_name: str
    rank: int
    score: float
    pieces: tuple[Piece, ...]
    since_ms: int


@dataclass(frozen=True, slots=True)
class Ranking:
    """The suspects, the most likely first.

    Attributes:
        fits_normal: False when nearly all is new, so that nothing can be told from it.
        clocks_moved: True when clocks were set right by logs alone: what comes out is a hint
            then, and no more.
    """

    suspects: tuple[Suspect, ...]
    fits_normal: bool = True
    clocks_moved: bool = False

    @property
    def inconclusive(self) -> bool:
        """True when the first suspect stands out neither from chance nor from the second."""
        return not self.culprit

    @property
    def culprit(self) -> str | None:
        """The service that is named as the culprit; None if inconclusive."""
        scores = [suspect.score for suspect in self.suspects[:2]] + [0.0, 0.0]
        told = self.fits_normal and not self.clocks_moved
        if not told or scores[0] < max(CONFIDENT_FROM, STANDS_OUT * scores[1]):
            return None
        return self.suspects[0].service_name


def rank(
    window_events: Iterable[LogEvent],
    window_spans: Iterable[Span],
    normal: Normal | None,
    known_start_ms: int | None = None,
) -> Ranking:
    """Ranks the services of a window by how much they depart from normal.

    Args:
        window_events: all events of an incident's window, in any order; copies do no harm.
        window_spans: the spans of the same window; may be empty, or of some traces only.
        normal: what the system does when nothing is wrong.
        known_start_ms: since when something is wrong (event time, ms). If None, starts are
            tried every 30 s, and each service counts with the one that speaks most against it.
    """
    events, spans = list(window_events), list(window_spans)
    first_day = normal is None or not normal.services
    if first_day:
        normal, events_, spans_, _ = _own_control(events, spans)
    names = PeerNames(normal.services.keys() | {event.service_name for event in events})
    window = facts_of(events_ if first_day else events, spans_ if first_day else spans, normal)
    facts = window.traces
    every = [event.timestamp_ms for event in events]
    early_ms = min(every) + EF * (max(every) - min(every)) if every else 0
    failures = _failures(events, normal, names, known_start_ms or early_ms, first_day)
    regularity, usual = Regularity(normal, names.masked), UsualTimes(normal)
    named = named_services(events, names)
    losses = Losses(([one.step.here for one in fact.steps] for fact in facts), Neighbours(normal))
    tally = Tally(names.masked)
    best: dict[str, tuple[float, int, tuple[Piece, ...]]] = {}
    added = 0
    for start_ms in _starts(facts, events, known_start_ms, first_day):
        while added < len(facts) and facts[added].at_ms >= start_ms:
            tally.add(facts[added])
            added += 1
        pieces = (
            structural_evidence(tally.observed, tally.error_shares, regularity, losses, named)
            + slow_evidence(tally.times, tally.roles, usual)
            + failures
        )
        for service, (score, shares) in _scores(pieces).items():
            if service not in best or score >= best[service][0]:
                best[service] = (score, start_ms, shares)
    steps = (one.step for fact in facts for one in fact.steps)
    return Ranking(tuple(_in_order(best)), fits(steps, normal), window.clocks_moved)


OWN = float(__import__("os").environ.get("OWN", ".35"))


def _own_control(events, spans):
    if not events:
        return Normal(), [], [], 0
    at = sorted(e.timestamp_ms for e in events)
    cut = at[0] + OWN * (at[-1] - at[0])
    first = {}
    for e in events:
        if e.trace_id:
            first[e.trace_id] = min(e.timestamp_ms, first.get(e.trace_id, e.timestamp_ms))
    early = {t for t, ms in first.items() if ms < cut}

    def is_early(e):
        return (e.trace_id in early) if e.trace_id else e.timestamp_ms < cut

    a = [e for e in events if is_early(e)]
    b = [e for e in events if not is_early(e)]
    for s in spans:
        if s.trace_id not in first and s.start_ns // 1_000_000 < cut:
            early.add(s.trace_id)
    return (
        learn(a, [s for s in spans if s.trace_id in early]),
        b,
        [s for s in spans if s.trace_id not in early],
        cut,
    )


def _failures(
    events: Sequence[LogEvent],
    normal: Normal,
    names: PeerNames,
    start_ms: int | None,
    first_day: bool = False,
) -> list[Piece]:
    every = events
    if start_ms is not None:
        events = [event for event in events if event.timestamp_ms >= start_ms]
    traces: dict[str, list[LogEvent]] = defaultdict(list)
    for event in sorted(events, key=lambda one: one.timestamp_ms):
        if event.trace_id is not None:
            traces[event.trace_id].append(event)
    lines = sum(event.level not in DEBUG_LEVELS for event in events)
    if first_day:
        normal = learn([e for e in every if e.timestamp_ms < start_ms], [])
    control = control_of(normal, names)
    if first_day:
        control = Control(control.keys, control.kinds, max(control.lines, float(lines)))
    return error_evidence(complaints_of(events, names), traces, control, names, lines)


def _starts(
    facts: Sequence[TraceFacts],
    events: Sequence[LogEvent],
    known_start_ms: int | None,
    first_day=False,
) -> Sequence[int]:
    """The starts to try, the latest first."""
    if known_start_ms is not None:
        return (known_start_ms,)
    if not facts:
        return (min((event.timestamp_ms for event in events), default=0),)
    first_ms, last_ms = facts[-1].at_ms, facts[0].at_ms
    if not first_day:
        first_ms += round(EF * (last_ms - first_ms))
    last_start_ms = max(first_ms, last_ms - LEAST_WINDOW_MS)
    # One stray moment long ago must not make a million of them.
    first_ms = max(first_ms, last_start_ms - _MOST_STARTS * STARTS_EVERY_MS)
    return range(first_ms, last_start_ms + 1, STARTS_EVERY_MS)[::-1]


def _scores(pieces: Sequence[Piece]) -> dict[str, tuple[float, tuple[Piece, ...]]]:
    """Each service's score, and its shares of the pieces.

    A piece that speaks of several services is shared out in proportion to how likely each is on
    its own and to how much each explains in all, a few times over: what one cause explains needs
    no second one. (Expectation maximisation for a mixture, stopped early.)
    """
    shares = [_shared_out(piece, {}) for piece in pieces]
    for _ in range(_ROUNDS):
        mass = {name: score for name, (score, _) in _summed(pieces, shares).items()}
        shares = [_shared_out(piece, mass) for piece in pieces]
    return _summed(pieces, shares)


def _shared_out(piece: Piece, mass: dict[str, float]) -> dict[str, float]:
    parts = {
        name: likely * (mass.get(name, 0.0) + _LEAST_MASS) for name, likely in piece.blame.items()
    }
    total = math.fsum(parts.values())
    return {name: part / total for name, part in parts.items()}


def _summed(
    pieces: Sequence[Piece], shares: Sequence[dict[str, float]]
) -> dict[str, tuple[float, tuple[Piece, ...]]]:
    found: dict[str, list[Piece]] = defaultdict(list)
    for piece, shared in zip(pieces, shares, strict=True):
        for name, share in shared.items():
            found[name].append(Piece(piece.weight * share, piece.blame, piece.finding))
    result = {}
    for name, own in found.items():
        own.sort(key=_weightiest)
        score = 0.0
        for kind in (Deviation, Slowness, Failure):
            weights = [one.weight for one in own if isinstance(one.finding, kind)]
            score += math.fsum(
                weight * part for weight, part in zip(weights, PIECE_WEIGHTS, strict=False)
            )
        result[name] = (score, tuple(own))
    return result


def _weightiest(piece: Piece) -> tuple[float, float, float]:
    finding = piece.finding
    if isinstance(finding, Failure):
        return (-piece.weight, -finding.traces, finding.before)
    return (-piece.weight, -finding.now, -finding.normal)


def _in_order(best: dict[str, tuple[float, int, tuple[Piece, ...]]]) -> Iterable[Suspect]:
    scores = {name: round(score, _DIGITS) for name, (score, _, _) in best.items()}
    # Names order only those that share a rank, so that one run prints as the next.
    for name in sorted(scores, key=lambda one: (-scores[one], one)):
        if scores[name] > 0:
            above = sum(score > scores[name] for score in scores.values())
            _, since_ms, pieces = best[name]
            yield Suspect(name, above + 1, scores[name], pieces, since_ms)
