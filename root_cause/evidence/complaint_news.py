"""Weighs complaints by how new they are, compared with normal or the window's first part. Pure."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from root_cause.evidence.complaints import Complaint
from root_cause.evidence.peer_names import PeerNames
from root_cause.evidence.piece import significance, surprise
from root_cause.normal.learned_counts import Normal
from root_cause.normal.learner import DEBUG_LEVELS
from root_cause.traces.event_key import kind_of, level_of

_SLOT_MS: Final = 10_000
_LEAST_SPREAD: Final = 3
# The window's first part is a fifth of it: a quarter of the rest.
_LEAST_EARLY: Final = 0.25
# A complaint that is there from the window's start may be of a fault that is older.
_OLDER: Final = 0.5


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


def control_of_first_part(first_part: Sequence[Complaint], lines: int, names: PeerNames) -> Control:
    """What the first part of a window shows of complaints, where nothing else is known."""
    keys = {one.key: one.traces for one in first_part}
    kinds: Counter[str] = Counter()
    for key, count in keys.items():
        kinds[names.masked(kind_of(key))] += count
    return Control(keys, kinds, lines, of_itself=True)


def news_weights(
    complaints: Sequence[Complaint], control: Control, names: PeerNames, lines: int
) -> list[float]:
    """The weight of each complaint, 0 to 1: that of its level, as far as it is news."""
    found = []
    for one, (kind, now) in zip(complaints, _of_kinds(complaints, names), strict=True):
        nats = surprise(one.traces, lines, control.keys.get(one.key, 0), control.lines)
        if known := control.kinds.get(kind, 0):
            of_kind = surprise(now, lines, known, control.lines)
            nats = min(nats, of_kind * one.traces / now)
        news = significance(nats / _dispersion(one)) * _begun(one, control, lines)
        found.append(one.weight * news)
    return found


def weights_of_itself(
    complaints: Sequence[Complaint], control: Control, names: PeerNames, lines: int
) -> tuple[list[float], list[float]]:
    """The weights without a normal, and the share of each that came after the window's first part.

    A complaint whose rate does not rise may be ambient, or the fault is older than the window:
    it counts half of what it would if such complaints were rare.
    """
    found, risen = [], []
    for one, (kind, now) in zip(complaints, _of_kinds(complaints, names), strict=True):
        early = min(one.traces, control.keys.get(one.key, 0))
        nats = _risen(one.traces, early, control, lines)
        if known := min(now, control.kinds.get(kind, 0)):
            nats = min(nats, _risen(now, known, control, lines) * one.traces / now)
        scatter = _dispersion(one)
        new = significance(nats / scatter)
        rare = significance(surprise(one.traces, lines, 0, lines) / scatter)
        news = max(new, _OLDER * rare)
        found.append(one.weight * news)
        risen.append(new / news if news else 0.0)
    return found, risen


def _risen(count: int, early: int, control: Control, lines: int) -> float:
    """How surprising the rise of a complaint's rate after the window's first part is, in nats."""
    of_late = lines - control.lines
    # What is not there from the start is taken for as rare before the window as in it.
    of_early = control.lines if early else max(control.lines, of_late)
    return surprise(count - early, of_late, early, of_early)


def _of_kinds(complaints: Sequence[Complaint], names: PeerNames) -> list[tuple[str, int]]:
    """The kind of each complaint, and in how many requests complaints of that kind came."""
    kinds = [names.masked(kind_of(one.key)) for one in complaints]
    now: Counter[str] = Counter()
    for one, kind in zip(complaints, kinds, strict=True):
        now[kind] += one.traces
    return [(kind, now[kind]) for kind in kinds]


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
