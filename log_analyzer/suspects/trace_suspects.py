"""Ranks an incident's suspects by its traces, each with reasons. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

from firstcause.events.log_event import LogEvent
from firstcause.incidents.view import ErrorGroup, Suspect
from firstcause.text.event_time import clock
from log_analyzer.incidents.call_graph import CallGraph
from log_analyzer.suspects.trace_attribution import Blame, blame

SUSPECTS_SHOWN: Final = 10
LOG_IDS_SHOWN: Final = 3
SAME_TIME_MS: Final = 100


@dataclass(slots=True)
class _Findings:
    """What the traces and the groups say of one service."""

    blames: list[Blame] = field(default_factory=list)
    fails_above: Counter[str] = field(default_factory=Counter)
    onset_ms: int = 2**63
    errors: int = 0

    @property
    def log_ids(self) -> tuple[str, ...]:
        found = sorted({(one.log.timestamp_ms, one.log.log_id) for one in self.blames})
        return tuple(log_id for _, log_id in found[:LOG_IDS_SHOWN])


def rank_suspects(
    traces: Iterable[Sequence[LogEvent]], groups: Iterable[ErrorGroup], call_graph: CallGraph
) -> tuple[Suspect, ...]:
    """The services that may be the cause, most likely first, at most `SUSPECTS_SHOWN`.

    Each trace with a failure votes for the service of its deepest failing span, or for a callee
    that gave it no answer. Services order by votes; then those that call no other failing
    service come first; then by the time of their first error. The order in which traces, logs and
    groups come makes no difference. `score` is the share of the failing traces.
    """
    findings: dict[str, _Findings] = {}
    groups = tuple(groups)
    for group in groups:
        found = findings.setdefault(group.service_name, _Findings())
        found.onset_ms = min(found.onset_ms, group.first_ms)
        found.errors += group.error_count
    blames = [one for trace in traces if (one := blame(tuple(trace), call_graph)) is not None]
    for one in blames:
        found = findings.setdefault(one.service_name, _Findings())
        found.blames.append(one)
        found.onset_ms = min(found.onset_ms, one.log.timestamp_ms)
        for log in one.above:
            found = findings.setdefault(log.service_name, _Findings())
            found.fails_above[one.service_name] += 1
            found.onset_ms = min(found.onset_ms, log.timestamp_ms)
    # A callee's trouble explains its caller's, unless the two call each other.
    explained = {
        name
        for name in findings
        for callee in call_graph.callees_of(name) & findings.keys()
        if (callee, name) not in call_graph.calls
    }
    order = sorted(
        findings,
        key=lambda name: (
            -len(findings[name].blames),
            name in explained,
            findings[name].onset_ms,
            name,
        ),
    )
    first_ms = min((found.onset_ms for found in findings.values()), default=0)
    return tuple(
        Suspect(
            service_name=name,
            reasons=_reasons(name, findings[name], len(blames), first_ms),
            score=round(len(findings[name].blames) / len(blames), 3) if blames else 0.0,
            log_ids=findings[name].log_ids,
        )
        for name in order[:SUSPECTS_SHOWN]
    )


def _reasons(name: str, found: _Findings, traces: int, first_ms: int) -> tuple[str, ...]:
    reasons: list[str] = []
    own = [one for one in found.blames if one.waiting is None]
    if own:
        above = _joined(_most_common(own))
        tail = f"; {above} above it" if above else ""
        reasons.append(
            f"{name} failed first in {len(own)} of {_shared(traces)} (log {_first_id(own)}){tail}."
        )
    unanswered = [one for one in found.blames if one.waiting is not None]
    if unanswered:
        callers = " and ".join(sorted({str(one.waiting) for one in unanswered})[:3])
        reasons.append(
            f"{callers} got no good answer from {name} in {len(unanswered)} of {_shared(traces)} "
            f"(log {_first_id(unanswered)}), and {name} logged no error there."
        )
    for below, count in sorted(found.fails_above.items(), key=lambda item: (-item[1], item[0]))[:2]:
        reasons.append(f"{name} fails above {below} in {count} of {_shared(traces)}.")
    if found.errors:
        late_ms = found.onset_ms - first_ms
        # Clocks of two hosts agree no better than this.
        early = late_ms < SAME_TIME_MS
        when = "among the first" if early else f"{late_ms / 1000:.1f} s after the first"
        errors = f"{found.errors:,} error" + ("s" if found.errors != 1 else "")
        reasons.append(f"{name} logged {errors} since {clock(found.onset_ms)}, {when}.")
    return tuple(reasons)


def _first_id(blames: Sequence[Blame]) -> str:
    return min((one.log.timestamp_ms, one.log.log_id) for one in blames)[1]


def _shared(traces: int) -> str:
    return f"{traces} failing trace" + ("s" if traces != 1 else "")


def _most_common(blames: Iterable[Blame]) -> list[str]:
    counts = Counter(log.service_name for one in blames for log in one.above)
    return sorted(counts, key=lambda name: (-counts[name], name))[:4]


def _joined(found: list[str]) -> str:
    """`a fails`, `a and b fail`, `a, b and c fail`; empty for none."""
    if not found:
        return ""
    if len(found) == 1:
        return f"{found[0]} fails"
    return f"{', '.join(found[:-1])} and {found[-1]} fail"
