"""Two faults in one system: at once or minutes apart, overlapping or not; or one of them alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from firstcause.errors import FirstcauseError
from firstcause.events.log_event import ERROR_LEVELS
from generators.cases.case import (
    LEAST_REQUESTS,
    SECONDS_AFTER,
    SECONDS_BEFORE,
    ambient_beginnings,
)
from generators.cases.draw import Draw
from generators.cases.faults.fault import FaultSetting
from generators.cases.faults.kinds import FAULT_TYPES
from generators.cases.plan import SILENT_SHARE
from generators.cases.simulation.records import Records
from generators.cases.simulation.run import SECOND_US, simulate, usual_world
from generators.cases.simulation.watched import Watched
from generators.cases.simulation.world import World
from generators.cases.system.model import CaseSystem

# By how much the second fault comes later; each as often as the others.
GAPS_SECONDS: Final = (0, 15, 30, 60, 120, 180, 300, 600)
_ATTEMPTS: Final = 200


@dataclass(frozen=True, slots=True)
class PairedFault:
    """One of the faults.

    Attributes:
        kind: a fault type.
        start_us: when it begins, us since the epoch.
        log_ids: the errors of the requests that it touched and the other one did not.
    """

    kind: str
    culprit: str
    silent: bool
    start_us: int
    log_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class FaultyStretch:
    """A stretch of a system's time with one fault or two, `gap_seconds` apart."""

    number: int
    system: CaseSystem
    gap_seconds: int
    faults: tuple[PairedFault, ...]
    records: Records


class PairMaker:
    """Makes the stretches of a seed on some systems, each with its usual requests a second."""

    def __init__(self, systems: Sequence[tuple[CaseSystem, float]], seed: int) -> None:
        self._systems = systems
        self._seed = seed

    def pairs(self, count: int) -> Iterator[FaultyStretch]:
        """Stretches with two faults each, whose culprits differ.

        Raises:
            FirstcauseError: one does not come out, which seeds hardly ever do.
        """
        for number in range(count):
            yield self._made(number, GAPS_SECONDS[number // 2 % len(GAPS_SECONDS)], faults=2)

    def singles(self, count: int) -> Iterator[FaultyStretch]:
        """Stretches with one fault each; raises as `pairs`."""
        for number in range(count):
            yield self._made(number, 0, faults=1)

    def _made(self, number: int, gap_seconds: int, faults: int) -> FaultyStretch:
        system, rate = self._systems[number % len(self._systems)]
        for attempt in range(_ATTEMPTS):
            draw = Draw(f"pair {self._seed} {faults} {number} {attempt}")
            found = _drawn(system, rate, number, gap_seconds, faults, draw)
            if found is not None:
                return found
        raise FirstcauseError(f"Pair {number} does not come out: take another seed.")


def _drawn(
    system: CaseSystem, rate: float, number: int, gap_seconds: int, faults: int, draw: Draw
) -> FaultyStretch | None:
    midnight_us = int(system.midnight.timestamp()) * SECOND_US
    first_us = midnight_us + draw.randint(3600, 80_000) * SECOND_US
    begin_us = first_us - SECONDS_BEFORE * SECOND_US
    end_us = first_us + (SECONDS_AFTER + (faults - 1) * gap_seconds) * SECOND_US
    world = usual_world(system, draw)
    put: list[tuple[PairedFault, set[str]]] = []
    for place in range(faults):
        others = {before.culprit for before, _ in put}
        one = _put(system, world, first_us + place * gap_seconds * SECOND_US, others, draw)
        if one is None:
            return None
        put.append(one)
    records = simulate(system, world, begin_us, end_us, rate, draw)
    errors = [_errors(system, records, fault, touched) for fault, touched in put]
    told = []
    for place, (fault, _) in enumerate(put):
        elsewhere = {key for other in (*errors[:place], *errors[place + 1 :]) for key in other}
        own = errors[place].keys() - elsewhere
        if len({errors[place][key] for key in own}) < LEAST_REQUESTS:
            return None
        told.append(
            PairedFault(fault.kind, fault.culprit, fault.silent, fault.start_us, frozenset(own))
        )
    return FaultyStretch(number, system, gap_seconds, tuple(told), records)


def _put(
    system: CaseSystem, world: World, start_us: int, others: set[str], draw: Draw
) -> tuple[PairedFault, set[str]] | None:
    """Puts a fault into the world; with it the spans that it will have touched."""
    kind = draw.choice(sorted(FAULT_TYPES))
    silent = draw.happens(SILENT_SHARE)
    culprits = [
        one for one in FAULT_TYPES[kind].culprits(system, silent=silent) if one not in others
    ]
    if not culprits:
        return None
    culprit = draw.choice(culprits)
    end_us = start_us + draw.randint(110, 300) * SECOND_US
    before = len(world.conditions)
    FAULT_TYPES[kind].put(FaultSetting(system, world, culprit, silent, start_us, end_us, draw))
    touched: set[str] = set()
    new = (Watched(one, touched) for one in world.conditions[before:])
    world.conditions = (*world.conditions[:before], *new)
    return PairedFault(kind, culprit, silent, start_us, frozenset()), touched


def _errors(
    system: CaseSystem, records: Records, fault: PairedFault, touched: set[str]
) -> dict[str, str]:
    """The errors of requests that a fault touched, each with its trace."""
    ambient = ambient_beginnings(system)
    traces = {
        fields.get("trace_id") for _, fields in records.events if fields.get("span_id") in touched
    }
    return {
        fields["log_id"]: fields["trace_id"]
        for at_us, fields in records.events
        if at_us >= fault.start_us
        and fields["level"] in ERROR_LEVELS
        and fields.get("trace_id") is not None
        and (fields["trace_id"] in traces or _tells_of_a_death(fields["message"], fault.culprit))
        and not fields["message"].startswith(ambient)
    }


def _tells_of_a_death(message: str, culprit: str) -> bool:
    """True for what callers say of a replica that is dead: it touches no visit."""
    return f"to {culprit}" in message and ("refused" in message or "reset" in message)
