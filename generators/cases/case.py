"""Simulates one labelled case from its plan, again with another draw until it fits the plan."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from firstcause.errors import FirstcauseError
from firstcause.events.log_event import ERROR_LEVELS
from generators.cases.draw import Draw
from generators.cases.faults.fault import FaultSetting
from generators.cases.faults.harmless import KINDS, add_harmless_change
from generators.cases.faults.kinds import FAULT_TYPES
from generators.cases.plan import CasePlan
from generators.cases.simulation.records import Records
from generators.cases.simulation.run import SECOND_US, error_services, simulate, usual_world
from generators.cases.system.model import CaseSystem
from generators.cases.true_path import Path, true_paths
from generators.log_template import parse_log_template

SECONDS_BEFORE: Final = 60
SECONDS_AFTER: Final = 180
# An incident of which fewer requests tell by an error would not have been opened.
LEAST_REQUESTS: Final = 6
_ATTEMPTS: Final = 60


@dataclass(frozen=True, slots=True)
class Case:
    """A case as it came out. `inject_us` is us since the epoch; `culprit` None: no fault."""

    plan: CasePlan
    system: CaseSystem
    inject_us: int
    culprit: str | None
    records: Records

    @property
    def paths(self) -> list[Path]:
        """How the fault comes to those that complain, the most frequent way first."""
        if self.culprit is None or self.plan.fault is None:
            return []
        known = ambient_beginnings(self.system)
        return true_paths(self.records, self.culprit, self.plan.fault, self.inject_us, known)


class CaseMaker:
    """Makes the cases of a seed on some systems, each with its usual requests a second."""

    def __init__(self, systems: Sequence[tuple[CaseSystem, float]], seed: int) -> None:
        self._systems = systems
        self._seed = seed

    def make(self, plan: CasePlan) -> Case:
        """The case of a plan.

        Draws again where the system has no service for the fault, where too few requests tell of
        it, or where the culprit is not as silent or loud as planned.

        Raises:
            FirstcauseError: no drawing came out as planned, which seeds hardly ever do.
        """
        for attempt in range(_ATTEMPTS):
            draw = Draw(f"case {self._seed} {plan.number} {attempt}")
            system, rate = self._systems[(plan.number + attempt) % len(self._systems)]
            case = self._drawn(plan, system, rate, draw)
            if case is not None and _as_planned(case):
                return case
        raise FirstcauseError(
            f"Case {plan.number} ({plan.fault}) does not come out: take another seed."
        )

    def _drawn(self, plan: CasePlan, system: CaseSystem, rate: float, draw: Draw) -> Case | None:
        midnight_us = int(system.midnight.timestamp()) * SECOND_US
        inject_us = midnight_us + draw.randint(3600, 82_800) * SECOND_US
        begin_us = inject_us - SECONDS_BEFORE * SECOND_US
        end_us = inject_us + SECONDS_AFTER * SECOND_US
        world = usual_world(system, draw)
        culprit = None
        if plan.fault is not None:
            culprits = FAULT_TYPES[plan.fault].culprits(system, silent=plan.silent)
            if not culprits:
                return None
            culprit = draw.choice(culprits)
            # Some faults are over before the case ends.
            fault_end_us = inject_us + draw.randint(110, 300) * SECOND_US
            FAULT_TYPES[plan.fault].put(
                FaultSetting(system, world, culprit, plan.silent, inject_us, fault_end_us, draw)
            )
        if plan.harmless_change:
            others = [
                name for name in sorted(system.topology.services)
                if name not in (culprit, system.gateway) and system.reach(name) > 0
            ]  # fmt: skip
            at_us = inject_us + draw.randint(-25, 60) * SECOND_US
            other, kind = draw.choice(others), draw.choice(KINDS)
            add_harmless_change(world, system, kind, other, at_us, draw)
        records = simulate(system, world, begin_us, end_us, rate, draw)
        return Case(plan, system, inject_us, culprit, records)


def _as_planned(case: Case) -> bool:
    if case.culprit is None:
        return True
    before_us = case.inject_us - SECONDS_BEFORE * SECOND_US
    silent = case.culprit not in error_services(case.records, before_us)
    if silent != case.plan.silent:
        return False
    known = ambient_beginnings(case.system)
    told = {
        fields.get("trace_id", fields["log_id"])
        for at_us, fields in case.records.events
        if at_us >= case.inject_us
        and fields["level"] in ERROR_LEVELS
        and not fields["message"].startswith(known)
    }
    return len(told) >= LEAST_REQUESTS


def ambient_beginnings(system: CaseSystem) -> tuple[str, ...]:
    """How the lines begin that the system says when nothing is wrong."""
    lines = (line for _, line, _ in (*system.ambient, *system.ambient_alone))
    return tuple(parse_log_template(line).text.partition("{")[0] for line in lines)
