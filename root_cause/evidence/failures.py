"""Turns complaints into evidence, weighted by how new they are compared with normal. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from root_cause.evidence.complaint_blame import Blame, Traces, blames_of
from root_cause.evidence.complaint_news import Control, news_weights, weights_of_itself
from root_cause.evidence.complaints import ERROR_WEIGHT, Complaint
from root_cause.evidence.peer_names import PeerNames
from root_cause.evidence.piece import Failure, Piece

# The weight of an error that is certainly new, on the scale of structure and time: about that of an
# event that always came and is missing in three of four requests.
_SCALE: Final = 1.75
# An exception that nobody expected is a defect seen in the act; an error line may be a refusal.
_OWN_CODE: Final = 2.0
# Who fails after another has failed by itself is half as likely the one, and so on.
_LATER: Final = 0.5
# A fainter complaint does not make a service one that fails by itself.
_BEGINS: Final = 0.1
# Lines of one millisecond have no order between hosts.
_SAME_MS: Final = 1
_LOG_IDS: Final = 3
# What a service writes within that time, in one request, is of one failure.
_BREATH_MS: Final = 1_000


def failure_evidence(
    complaints: Sequence[Complaint], traces: Traces, control: Control, names: PeerNames, lines: int
) -> list[Piece]:
    """A piece for each complaint that is rarer, or not there, in fault-free time.

    Args:
        complaints: of the window.
        traces: the window's events by trace, each in order of time.
        control: what fault-free time knows.
        names: of all services.
        lines: of the window, as `control` counts them.
    """
    if control.of_itself:
        weights, risen = weights_of_itself(complaints, control, names, lines)
    else:
        weights, risen = news_weights(complaints, control, names, lines), [1.0] * len(complaints)
    weights = _told_once(complaints, weights)
    blames = blames_of(complaints, weights, traces)
    begun = [weight * share for weight, share in zip(weights, risen, strict=True)]
    onsets = _onsets(complaints, begun, blames)
    return [
        Piece(
            _SCALE * weight * (_OWN_CODE if one.is_own else 1) * _early(one, blame, onsets),
            blame,
            Failure(
                service_name=one.service_name,
                level=one.level,
                text=one.text,
                named=tuple(sorted(one.named)),
                count=len(one.events),
                traces=one.traces,
                before=control.keys.get(one.key, 0),
                own_code=one.own_code,
                first_ms=one.first_ms,
                log_ids=tuple(event.log_id for event in one.events[:_LOG_IDS]),
                risen=share,
            ),
        )
        for one, weight, blame, share in zip(complaints, weights, blames, risen, strict=True)
        if weight > 0
    ]


def _told_once(complaints: Sequence[Complaint], weights: Sequence[float]) -> list[float]:
    """The weights, where what a service says in one breath counts once, at its heaviest.

    One failure is told line by line, and a service that starts warns of each of its settings.
    Lines about different peers, or of different requests, are of different failures.
    """
    told: dict[tuple[str, str, tuple[str, ...]], list[int]] = defaultdict(list)
    kept = [0.0] * len(complaints)
    for at in sorted(
        range(len(kept)),
        key=lambda at: (-weights[at], complaints[at].first_ms, complaints[at].text),
    ):
        one = complaints[at]
        if not weights[at]:
            continue
        peers = tuple(sorted(one.named))
        moments = [
            ((one.service_name, event.trace_id or "", peers), event.timestamp_ms)
            for event in one.events
        ]
        alone = sum(not _is_near(told.get(mark, ()), at_ms) for mark, at_ms in moments)
        kept[at] = weights[at] * alone / len(moments)
        for mark, at_ms in moments:
            insort(told[mark], at_ms)
    return kept


def _is_near(moments: Sequence[int], at_ms: int) -> bool:
    """True if one of these moments, in order, is within a breath of another one."""
    at = bisect_left(moments, at_ms - _BREATH_MS)
    return at < len(moments) and moments[at] <= at_ms + _BREATH_MS


def _onsets(
    complaints: Iterable[Complaint], weights: Iterable[float], blames: Iterable[Blame]
) -> dict[str, int]:
    """Since when each service has errors that blame mostly itself (event time)."""
    onsets: dict[str, int] = {}
    for one, weight, blame in zip(complaints, weights, blames, strict=True):
        own = blame.get(one.service_name, 0.0)
        if weight > _BEGINS and own >= 0.5 and one.weight == ERROR_WEIGHT:  # noqa: PLR2004
            known = onsets.get(one.service_name, one.first_ms)
            onsets[one.service_name] = min(one.first_ms, known)
    return onsets


def _early(one: Complaint, blame: Blame, onsets: Mapping[str, int]) -> float:
    """The share of a complaint that counts; its own part counts less if others failed before."""
    before = sum(
        at_ms < one.first_ms - _SAME_MS
        for name, at_ms in onsets.items()
        if name != one.service_name
    )
    own = blame.get(one.service_name, 0.0)
    return math.fsum(blame.values()) - own + own * _LATER**before
