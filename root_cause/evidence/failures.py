"""Turns complaints into evidence, weighted by how new they are compared with normal. Pure."""

from __future__ import annotations

import math
from bisect import bisect_left, insort
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from root_cause.evidence.complaint_blame import Blame, Traces, blames_of
from root_cause.evidence.complaints import ERROR_WEIGHT, Complaint
from root_cause.evidence.peer_names import PeerNames
from root_cause.evidence.piece import Failure, Piece, significance, surprise
from root_cause.normal.learned_counts import Normal
from root_cause.normal.learner import DEBUG_LEVELS
from root_cause.traces.event_key import kind_of, level_of

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
_SLOT_MS: Final = 10_000
_LEAST_SPREAD: Final = 3
# The window's first part is a fifth of it: a quarter of the rest.
_LEAST_EARLY: Final = 0.25
_LOG_IDS: Final = 3
# A complaint that is there from the window's start may be of a fault that is older.
_OLDER: Final = 0.5
# What a service writes within that time, in one request, is of one failure.
_BREATH_MS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Control:
    """What fault-free time knows of complaints.

    Attributes:
        keys: how many lines came of each kind of event.
        kinds: the same over all services, with the names of peers masked: one code, one complaint.
        lines: of how many lines in all.
        of_itself: it is the first part of a window that is ranked as a whole, for want of a normal.
        early: in how many requests of the window's first part each complaint came, by key.
        early_lines: of how many lines of that part.
    """

    keys: Mapping[str, int]
    kinds: Mapping[str, int]
    lines: float
    of_itself: bool = False
    early: Mapping[str, int] = field(default_factory=dict)
    early_lines: int = 0


def control_of(normal: Normal, names: PeerNames) -> Control:
    """What normal knows of complaints."""
    keys: dict[str, int] = {}
    kinds: Counter[str] = Counter()
    lines = 0
    for part in normal.services.values():
        for key, count in part.events.items():
            level = level_of(key)
            if level not in DEBUG_LEVELS:
                lines += count
                keys[key] = count
                if level != "INFO":
                    kinds[names.masked(kind_of(key))] += count
    return Control(keys, kinds, lines)


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
        weights, risen = _weights_of_itself(complaints, control, lines)
    else:
        weights, risen = _weights(complaints, control, names, lines), [1.0] * len(complaints)
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


def _weights(
    complaints: Sequence[Complaint], control: Control, names: PeerNames, lines: int
) -> list[float]:
    kinds = [names.masked(kind_of(one.key)) for one in complaints]
    now: Counter[str] = Counter()
    for one, kind in zip(complaints, kinds, strict=True):
        now[kind] += one.traces
    found = []
    for one, kind in zip(complaints, kinds, strict=True):
        nats = surprise(one.traces, lines, control.keys.get(one.key, 0), control.lines)
        if known := control.kinds.get(kind, 0):
            of_kind = surprise(now[kind], lines, known, control.lines)
            nats = min(nats, of_kind * one.traces / now[kind])
        news = significance(nats / _dispersion(one)) * _begun(one, control, lines)
        found.append(one.weight * news)
    return found


def _weights_of_itself(
    complaints: Sequence[Complaint], control: Control, lines: int
) -> tuple[list[float], list[float]]:
    """The weights without a normal, and the share of each that came after the window's first part.

    A complaint whose rate does not rise may be ambient, or the fault is older than the window:
    it counts half of what it would if such complaints were rare.
    """
    weights, risen = [], []
    for one in complaints:
        early = min(one.traces, control.keys.get(one.key, 0))
        late, of_late = one.traces - early, lines - control.lines
        # What is not there from the start is taken for as rare before the window as in it.
        of_early = control.lines if early else max(control.lines, of_late)
        scatter = _dispersion(one)
        new = significance(surprise(late, of_late, early, of_early) / scatter)
        rare = significance(surprise(one.traces, lines, 0, lines) / scatter)
        news = max(new, _OLDER * rare)
        weights.append(one.weight * news)
        risen.append(new / news if news else 0.0)
    return weights, risen


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


def _begun(one: Complaint, control: Control, lines: int) -> float:
    """Which share of a complaint is more than the window's first part has of it, by its rate."""
    early = control.early.get(one.key, 0)
    # A rate is of no less than that many lines: the first of a fault may lie before its start.
    of_early = max(control.early_lines, _LEAST_EARLY * lines)
    return max(0.0, 1 - early * lines / (of_early * one.traces)) if early else 1.0


def _dispersion(one: Complaint) -> float:
    """How much more unevenly a complaint comes than chance has it: its index of dispersion, or 1.

    What comes in bursts varies more from time to time (quasi-likelihood).
    """
    first: dict[str, int] = {}
    for event in one.events:
        first.setdefault(event.trace_id or event.log_id, event.timestamp_ms // _SLOT_MS)
    if len(first) < _LEAST_SPREAD:
        return 1.0
    slots = Counter(first.values())
    span = max(slots) - min(slots) + 1
    mean = len(first) / span
    variance = math.fsum(count * count for count in slots.values()) / span - mean * mean
    return max(1.0, variance / mean)


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
