"""Other ways of logging what happened, so that one simulation stands for many kinds of systems.

A style changes what is recorded of a system, for cases and fault-free recordings alike; what
happened, and who is at fault, stay the same.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any, Final

from generators.cases.draw import Draw
from generators.cases.simulation.records import Records, log_id, timestamp

_SLOWER: Final = 40
_SECOND_US: Final = 1_000_000
_DEBUG_A_SECOND: Final = 3.0
_TASK_EVERY_US: Final = 10 * _SECOND_US
_DEBUG_LINES: Final = (
    "cache lookup took {n} us",
    "acquired lock {n}",
    "released lock {n}",
    "poll returned {n} records",
)

Change = Callable[[Records, Collection[str], Draw], Records]


def _boundaries(records: Records, _: Collection[str], __: Draw) -> Records:
    """Request ids end at each service; nothing but time and names ties calls together."""
    events = []
    for at_us, fields in records.events:
        bare = _without(fields, "span_id", "parent_span_id")
        if "trace_id" in bare:
            own = f"{bare['trace_id']} {bare['service_name']}".encode()
            bare["trace_id"] = hashlib.sha256(own).hexdigest()[:32]
        events.append((at_us, bare))
    return Records(events, [], records.calls)


def _untraced(records: Records, _: Collection[str], __: Draw) -> Records:
    """No request ids at all."""
    events = [
        (at_us, _without(fields, "trace_id", "span_id", "parent_span_id"))
        for at_us, fields in records.events
    ]
    return Records(events, [], records.calls)


def _flooded(records: Records, services: Collection[str], draw: Draw) -> Records:
    """A third of the services log DEBUG by the thousand; each runs a task by the clock."""
    names = sorted(services)
    loud = draw.sample(names, max(1, len(names) // 3))
    first, last = records.events[0][0], records.events[-1][0]
    more = []
    for name in names:
        at_us = first + draw.randrange(_TASK_EVERY_US)
        while at_us < last:
            more += [(at_us, name, "INFO", "periodic task begins")]
            more += [(at_us + 900_000, name, "INFO", "periodic task is done")]
            at_us += _TASK_EVERY_US
    for name in loud:
        late: float = first
        while (late := late + draw.expovariate(_DEBUG_A_SECOND) * _SECOND_US) < last:
            says = draw.choice(_DEBUG_LINES).format(n=draw.randint(1, 9_999))
            more.append((int(late), name, "DEBUG", says))
    events = records.events + [(one[0], _alone(*one, draw)) for one in more if one[0] <= last]
    return Records(sorted(events, key=lambda one: one[0]), records.spans, records.calls)


def _slow(records: Records, _: Collection[str], __: Draw) -> Records:
    """Requests take seconds: within each, all that happens comes 40 times later."""
    begun: dict[str, int] = {}
    for at_us, fields in records.events:
        begun.setdefault(fields.get("trace_id", ""), at_us)
    for span in records.spans:
        begun[span.trace_id] = min(span.start_us, begun.get(span.trace_id, span.start_us))

    def later(trace_id: str | None, at_us: int) -> int:
        start_us = begun[trace_id] if trace_id else at_us
        return start_us + _SLOWER * (at_us - start_us)

    end_us = max((at_us for at_us, _ in records.events), default=0)
    events = []
    for at_us, fields in records.events:
        late_us = later(fields.get("trace_id"), at_us)
        if late_us <= end_us:
            slower = {**fields, "timestamp": timestamp(late_us)}
            if "latency_ms" in slower:
                slower["latency_ms"] *= _SLOWER
            events.append((late_us, slower))
    spans = [
        replace(one, start_us=later(one.trace_id, one.start_us), end_us=late_us)
        for one in records.spans
        if (late_us := later(one.trace_id, one.end_us)) <= end_us
    ]
    events.sort(key=lambda one: one[0])
    return Records(events, spans, records.calls)


def _aliases(records: Records, services: Collection[str], _: Draw) -> Records:
    """Lines name other services by host, by address, in short, or by the client's class."""
    names = sorted(services, key=lambda name: (-len(name), name))
    word = re.compile(rf"(?<![\w-])(?:{'|'.join(map(re.escape, names))})(?![\w-])")

    def renamed(text: str, speaker: str) -> str:
        return word.sub(lambda found: _alias(found[0], speaker), text)

    events = []
    for at_us, fields in records.events:
        speaker = fields["service_name"]
        other = {**fields, "message": renamed(fields["message"], speaker)}
        if "exception" in other:
            other["exception"] = renamed(other["exception"], speaker)
        events.append((at_us, other))
    return Records(events, records.spans, records.calls)


def _alias(name: str, speaker: str) -> str:
    """How one service calls another: always the same way."""
    if name == speaker:
        return name
    way = hashlib.sha256(f"{speaker} calls {name}".encode()).digest()[0] % 5
    short = name.split("-", maxsplit=1)[0]
    return (
        name,
        f"{name}.prod.svc.cluster.local:8080",
        f"http://{name}:8080/api/v1",
        short,
        f"{short.capitalize()}Client",
    )[way]


def _alone(at_us: int, name: str, level: str, says: str, draw: Draw) -> dict[str, Any]:
    return {
        "log_id": log_id(draw),
        "timestamp": timestamp(at_us),
        "service_name": name,
        "level": level,
        "message": says,
        "logger": "Background",
        "attributes": {},
    }


def _without(fields: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


PLAIN: Final = "plain"
STYLES: Final[Mapping[str, Change | None]] = {
    PLAIN: None,
    "boundaries": _boundaries,
    "untraced": _untraced,
    "flooded": _flooded,
    "slow": _slow,
    "aliases": _aliases,
}


def styled(records: Records, style: str, services: Collection[str], seed: str) -> Records:
    """What is recorded in a style of `STYLES`, of these services; seeded, never in place."""
    change = STYLES[style]
    return records if change is None else change(records, services, Draw(f"style {seed}"))
