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
from root_cause.evidence.lost_lines import Losses
from root_cause.evidence.piece import Deviation, Piece
from root_cause.evidence.structure import Regularity, structural_evidence
from root_cause.evidence.timing import UsualTimes, slow_evidence
from root_cause.normal.counts import Normal
from root_cause.normal.neighbours import Neighbours
from root_cause.ranking.normal_applies import fits
from root_cause.ranking.service_named_in_error import named_services
from root_cause.ranking.window import Tally, facts_of

# Well above what fault-free minutes compared with one another reach (docs/root-cause.md).
CONFIDENT_FROM: Final = 1.5
# Scores nearer to one another than that leave both suspect.
STANDS_OUT: Final = 1.4
STARTS_EVERY_MS: Final = 30_000
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
    normal: Normal,
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
    events = list(window_events)
    window = facts_of(events, window_spans, normal)
    facts = window.traces
    if not facts:
        return Ranking(())
    services = normal.services.keys() | {event.service_name for event in events}
    named = named_services(events, services)
    regularity, usual = Regularity(normal), UsualTimes(normal)
    losses = Losses(([one.step.here for one in fact.steps] for fact in facts), Neighbours(normal))
    tally = Tally()
    best: dict[str, tuple[float, int, tuple[Piece, ...]]] = {}
    added = 0
    for start_ms in _starts(facts[-1].at_ms, facts[0].at_ms, known_start_ms):
        while added < len(facts) and facts[added].at_ms >= start_ms:
            tally.add(facts[added])
            added += 1
        pieces = structural_evidence(
            tally.observed, tally.error_shares, regularity, losses, named
        ) + slow_evidence(tally.times, tally.roles, usual)
        for service, (score, shares) in _scores(pieces).items():
            if service not in best or score >= best[service][0]:
                best[service] = (score, start_ms, shares)
    steps = (one.step for fact in facts for one in fact.steps)
    return Ranking(tuple(_in_order(best)), fits(steps, normal), window.clocks_moved)


def _starts(first_ms: int, last_ms: int, known_start_ms: int | None) -> Sequence[int]:
    """The starts to try, the latest first."""
    if known_start_ms is not None:
        return (known_start_ms,)
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
        for kind in (True, False):
            weights = [one.weight for one in own if isinstance(one.finding, Deviation) == kind]
            score += math.fsum(
                weight * part for weight, part in zip(weights, PIECE_WEIGHTS, strict=False)
            )
        result[name] = (score, tuple(own))
    return result


def _weightiest(piece: Piece) -> tuple[float, int, int]:
    return (-piece.weight, -piece.finding.now, -piece.finding.normal)


def _in_order(best: dict[str, tuple[float, int, tuple[Piece, ...]]]) -> Iterable[Suspect]:
    scores = {name: round(score, _DIGITS) for name, (score, _, _) in best.items()}
    # Names order only those that share a rank, so that one run prints as the next.
    for name in sorted(scores, key=lambda one: (-scores[one], one)):
        if scores[name] > 0:
            above = sum(score > scores[name] for score in scores.values())
            _, since_ms, pieces = best[name]
            yield Suspect(name, above + 1, scores[name], pieces, since_ms)
