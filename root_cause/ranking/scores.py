"""Computes the scores of services from pieces of evidence, each shared among services. Pure."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from root_cause.evidence.piece import Deviation, Failure, Piece, Slowness

# A service's score is its four best pieces of a kind: more of the same says little more.
PIECE_WEIGHTS: Final = (1.0, 0.5, 0.25, 0.125)
_ROUNDS: Final = 6
# Keeps a service in the running that so far explains nothing.
_LEAST_MASS: Final = 0.1
_KINDS: Final = (Deviation, Slowness, Failure)

# A service's score, and its shares of the pieces, the weightiest first.
Score = tuple[float, tuple[Piece, ...]]


def scores(pieces: Sequence[Piece]) -> dict[str, Score]:
    """Each service's score, and its shares of the pieces.

    A piece that points to several services is shared among them, in proportion to how likely each
    is on its own and to how much each explains in total. This is repeated a few times: what one
    cause explains needs no second one. (Expectation maximisation for a mixture, stopped early.)
    """
    shares = [_shared_out(piece, {}) for piece in pieces]
    for _ in range(_ROUNDS):
        mass = {name: score for name, (score, _) in _summed(pieces, shares).items()}
        shares = [_shared_out(piece, mass) for piece in pieces]
    return _summed(pieces, shares)


def _shared_out(piece: Piece, mass: Mapping[str, float]) -> dict[str, float]:
    parts = {
        name: likely * (mass.get(name, 0.0) + _LEAST_MASS) for name, likely in piece.blame.items()
    }
    total = math.fsum(parts.values())
    return {name: part / total for name, part in parts.items()}


def _summed(pieces: Sequence[Piece], shares: Sequence[Mapping[str, float]]) -> dict[str, Score]:
    found: dict[str, list[Piece]] = defaultdict(list)
    for piece, shared in zip(pieces, shares, strict=True):
        for name, share in shared.items():
            found[name].append(Piece(piece.weight * share, piece.blame, piece.finding))
    result = {}
    for name, own in found.items():
        own.sort(key=_weightiest)
        result[name] = (score_of(own), tuple(own))
    return result


def score_of(own: Sequence[Piece]) -> float:
    """The score of a service's shares of the pieces: its best ones of each kind."""
    score = 0.0
    for kind in _KINDS:
        weights = sorted(-one.weight for one in own if isinstance(one.finding, kind))
        score -= math.fsum(
            weight * part for weight, part in zip(weights, PIECE_WEIGHTS, strict=False)
        )
    return score


def _weightiest(piece: Piece) -> tuple[float, float, float]:
    finding = piece.finding
    if isinstance(finding, Failure):
        return (-piece.weight, -finding.traces, finding.before)
    return (-piece.weight, -finding.now, -finding.normal)
