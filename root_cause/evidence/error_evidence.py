"""Evidence of what services complain of: how surprising it is, and whom it blames. Pure."""

from __future__ import annotations

import math
import os
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from firstcause.events.log_event import LogEvent
from root_cause.evidence.attribution import Levels, call_roles, levels_of, spread
from root_cause.evidence.complaints import Complaint, complaints_of
from root_cause.evidence.peer_names import PeerNames
from root_cause.evidence.piece import Failure, Piece
from root_cause.normal.counts import Normal
from root_cause.traces.event_key import kind_of, level_of
from root_cause.traces.steps import Role

ERROR_SCALE: Final = float(os.environ.get("ES", "1.75"))
SURPRISE: Final = float(os.environ.get("SU", "3"))
NAMED_SHARE: Final = 0.75
TOLD_SHARE: Final = 0.6
PLAIN_SHARE: Final = 0.5
LATER: Final = float(os.environ.get("LATER", ".5"))
_ROUNDS: Final = 12
_LOG_IDS: Final = 3
_SAME_MS: Final = 1


@dataclass(frozen=True)
class Control:
    """What complaints fault-free time knows: how many lines of each kind in how many lines in all.

    `kinds` are keys without service, the names of peers masked.
    """

    keys: Mapping[str, int]
    kinds: Mapping[str, int]
    lines: float


def control_of(normal: Normal, names: PeerNames) -> Control:
    keys: dict[str, int] = {}
    kinds: Counter[str] = Counter()
    lines = 0
    for part in normal.services.values():
        for key, count in part.events.items():
            level = level_of(key)
            if level in ("DEBUG", "TRACE"):
                continue
            lines += count
            if level != "INFO":
                keys[key] = count
                kinds[names.masked(kind_of(key))] += count
            else:
                keys[key] = count
    return Control(keys, kinds, lines)


def surprise(now: int, before: int, share: float) -> float:
    """How improbable so many of all are now, in nats (the Chernoff bound of a binomial tail).

    Args:
        now, before: how often it came.
        share: of the time, or of all lines, that is now.
    """
    total = now + before
    if not total or now <= share * total:
        return 0.0
    seen = now / total
    found = seen * math.log(seen / share)
    if before:
        found += (1 - seen) * math.log((1 - seen) / (1 - share))
    return total * found


def error_evidence(
    complaints: Sequence[Complaint],
    traces: Mapping[str, Sequence[LogEvent]],
    control: Control,
    names: PeerNames,
    lines: int,
) -> list[Piece]:
    share = lines / max(1.0, lines + control.lines)
    kind_now: Counter[str] = Counter()
    for one in complaints:
        kind_now[names.masked(kind_of(one.key))] += one.traces
    weights = []
    for one in complaints:
        kind = names.masked(kind_of(one.key))
        count = one.traces
        own = surprise(count, control.keys.get(one.key, 0), share)
        of_kind = surprise(kind_now[kind], control.kinds.get(kind, 0), share)
        if control.kinds.get(kind, 0):
            own = min(own, of_kind * count / kind_now[kind] if kind_now[kind] else own)
        own /= _dispersion(one)
        weights.append(ERROR_SCALE * one.weight * (1 - math.exp(-own / SURPRISE)))
    blames = _blames(complaints, weights, traces)
    onset: dict[str, int] = {}
    for one, weight, blame in zip(complaints, weights, blames, strict=True):
        if weight > 0.2 and blame.get(one.service_name, 0) >= 0.5 and one.weight == 1.0:
            onset[one.service_name] = min(one.first_ms, onset.get(one.service_name, one.first_ms))
    levels = _levels(complaints, weights, blames, traces)
    blames = [
        _spread(one.service_name, blame, levels)
        if os.environ.get("SPREAD", "1") == "1"
        and (not one.own_code or one.not_reached or one.told)
        else blame
        for one, blame in zip(complaints, blames, strict=True)
    ]
    absorbed = _absorbed(complaints, weights, blames)
    pieces = []
    for one, weight, blame in zip(complaints, weights, blames, strict=True):
        if weight <= 0:
            continue
        passed: dict[str, float] = defaultdict(float)
        for name, part in blame.items():
            if name == one.service_name:
                passed[name] += part
            else:
                for last, share_ in absorbed.get(name, {name: 1.0}).items():
                    passed[last] += part * share_
        earlier = sum(
            at < one.first_ms - _SAME_MS for name, at in onset.items() if name != one.service_name
        )
        own = blame.get(one.service_name, 0.0)
        weight *= (1 - own) + own * LATER**earlier
        pieces.append(
            Piece(
                weight,
                dict(passed),
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
                ),
            )
        )
    return pieces


_SLOT_MS = 10_000


def _dispersion(one: Complaint) -> float:
    """How much more unevenly a complaint comes than by chance: its index of dispersion, 1 at least."""
    first: dict[str, int] = {}
    for event in one.events:
        first.setdefault(event.trace_id or event.log_id, event.timestamp_ms // _SLOT_MS)
    slots = Counter(first.values())
    if len(first) < 3:
        return 1.0
    span = max(slots) - min(slots) + 1
    mean = len(first) / span
    variance = sum(count * count for count in slots.values()) / span - mean * mean
    return max(1.0, variance / mean)


def _levels(
    complaints: Sequence[Complaint],
    weights: Sequence[float],
    blames: Sequence[Mapping[str, float]],
    traces: Mapping[str, Sequence[LogEvent]],
) -> Levels:
    found: list[tuple[float, tuple[Role, ...]]] = []
    for trace in traces.values():
        seen: set[str] = set()
        last = None
        for event in trace:
            name = event.service_name
            if name not in seen:
                seen.add(name)
                if last is not None:
                    found.append((0.0, call_roles(last, name)))
            last = name
    for one, weight, blame in zip(complaints, weights, blames, strict=True):
        for name, share in blame.items():
            if name != one.service_name:
                found.append((min(1.0, weight * share / 2), call_roles(one.service_name, name)))
    return levels_of(found)


def _spread(service: str, blame: Mapping[str, float], levels: Levels) -> dict[str, float]:
    """Blame with what the other partners of both say: who fails one partner alone is not it."""
    given = {name: share for name, share in blame.items() if name != service}
    if not given:
        return dict(blame)
    found: dict[str, float] = {}
    own = blame.get(service, 0.0)
    caller = 0.0
    for name, share in given.items():
        one, other = call_roles(service, name)
        found[name] = share * 2 * spread(other, levels)
        caller += share * 2 * spread(one, levels)
    found[service] = own * caller / math.fsum(given.values())
    total = math.fsum(found.values())
    return {name: share / total for name, share in found.items()}


def _blames(
    complaints: Sequence[Complaint],
    weights: Sequence[float],
    traces: Mapping[str, Sequence[LogEvent]],
) -> list[dict[str, float]]:
    failing: dict[str, dict[str, int]] = defaultdict(dict)
    for one, weight in zip(complaints, weights, strict=True):
        if weight > 0.2 and one.weight >= 0.5:
            for event in one.events:
                if event.trace_id:
                    known = failing[event.trace_id]
                    at = known.get(one.service_name, event.timestamp_ms)
                    known[one.service_name] = min(at, event.timestamp_ms)
    return [_blame(one, failing, traces) for one in complaints]


def _blame(
    one: Complaint,
    failing: Mapping[str, Mapping[str, int]],
    traces: Mapping[str, Sequence[LogEvent]],
) -> dict[str, float]:
    service = one.service_name
    relays = one.not_reached or one.told
    blame: dict[str, float] = defaultdict(float)
    if one.named and not (one.own_code and not relays):
        total = sum(one.named.values())
        given = NAMED_SHARE if relays else PLAIN_SHARE
        for name, count in one.named.items():
            blame[name] += given * count / total
        blame[service] += 1 - given
        return blame
    given = TOLD_SHARE if relays else 0.0 if one.own_code else PLAIN_SHARE
    cases = 0
    for event in one.events[:50]:
        cases += 1
        if not event.trace_id or not given:
            continue
        before = failing.get(event.trace_id, {})
        deeper = [
            name for name, at in before.items() if name != service and at < event.timestamp_ms
        ]
        if deeper:
            blame[min(deeper, key=lambda name: before[name])] += given
        elif relays:
            spoke = _spoke_meanwhile(traces.get(event.trace_id, ()), event)
            for name in spoke:
                blame[name] += given / len(spoke)
    found = {name: value / cases for name, value in blame.items()}
    found[service] = 1 - math.fsum(found.values())
    return found


def _spoke_meanwhile(trace: Sequence[LogEvent], complaint: LogEvent) -> list[str]:
    """Who spoke in a trace since the complaining service last did."""
    spoke: dict[str, None] = {}
    for event in reversed(trace):
        if event.timestamp_ms > complaint.timestamp_ms or event is complaint:
            continue
        if event.service_name == complaint.service_name:
            if event.level in ("ERROR", "FATAL"):
                continue
            break
        spoke[event.service_name] = None
    return list(spoke)


def _absorbed(
    complaints: Sequence[Complaint],
    weights: Sequence[float],
    blames: Sequence[Mapping[str, float]],
) -> dict[str, dict[str, float]]:
    """Where blame for each complaining service comes to rest: an absorbing random walk."""
    passes: dict[str, dict[str, float]] = {}
    total: Counter[str] = Counter()
    for one, weight, blame in zip(complaints, weights, blames, strict=True):
        if weight <= 0:
            continue
        known = passes.setdefault(one.service_name, defaultdict(float))
        for name, share in blame.items():
            known[name] += weight * share
        total[one.service_name] += weight
    for name, known in passes.items():
        # Doubt: one that complains a little may be at fault itself.
        whole = total[name] + 1.0
        passes[name] = {other: value / whole for other, value in known.items()}
        passes[name][name] = passes[name].get(name, 0.0) + 1.0 / whole
    found: dict[str, dict[str, float]] = {}
    for name in passes:
        at: dict[str, float] = {name: 1.0}
        rest: dict[str, float] = defaultdict(float)
        for _ in range(_ROUNDS):
            moved: dict[str, float] = defaultdict(float)
            for here, share in at.items():
                if here not in passes:
                    rest[here] += share
                    continue
                for other, part in passes[here].items():
                    if other == here:
                        rest[here] += share * part
                    else:
                        moved[other] += share * part
            at = moved
        for here, share in at.items():
            rest[here] += share
        found[name] = dict(rest)
    return found
