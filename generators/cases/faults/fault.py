"""One fault to be injected: culprit, time, strength."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from generators.cases.draw import Draw
from generators.cases.simulation.condition import Course, Where
from generators.cases.simulation.world import World
from generators.cases.system.builder import PARTNER
from generators.cases.system.model import CaseSystem
from generators.log_template import LogTemplate, parse_log_template
from generators.topology import Runtime

Candidates = Callable[[CaseSystem, str], bool]

# A fault that fewer requests can meet would be no incident.
LEAST_REACH = 0.15


@dataclass(frozen=True, slots=True)
class FaultSetting:
    """A fault's place and time (us since the epoch); `silent`: the culprit says no ERROR."""

    system: CaseSystem
    world: World
    culprit: str
    silent: bool
    start_us: int
    end_us: int
    draw: Draw

    def course(self, longest_ramp_seconds: float = 0.0) -> Course:
        """The fault's time, with a ramp of up to so many seconds."""
        ramp_us = int(self.draw.uniform(0, longest_ramp_seconds) * 1_000_000)
        return Course(self.start_us, self.end_us, ramp_us)

    @property
    def runtime(self) -> Runtime:
        """What the culprit is written in."""
        return self.system.topology.services[self.culprit].runtime

    @property
    def database(self) -> str:
        """The culprit's database."""
        return next(iter(self.system.topology.services[self.culprit].resources))

    @property
    def patience_ms(self) -> float:
        """How long the culprit's callers wait for it: the median over their calls."""
        return statistics.median(
            step.timeout_ms
            for service in self.system.topology.services.values()
            for operation in service.operations.values()
            for step in operation.steps
            if step.callee and step.callee.service == self.culprit
        )

    def anywhere(self) -> Where:
        """All of the culprit."""
        return Where(self.culprit)

    def some_replicas(self, chance_of_all: float = 0.6) -> Where:
        """All replicas of the culprit, or only some, where it has several."""
        count = len(self.world.replicas[self.culprit])
        if count == 1 or self.draw.happens(chance_of_all):
            return Where(self.culprit)
        chosen = self.draw.sample(range(count), count - 1)
        return Where(self.culprit, replicas=frozenset(chosen))

    def one_operation(self) -> Where:
        """The busiest operation of the culprit, or another that is busy enough."""
        names = list(self.system.topology.services[self.culprit].operations)
        busy = [
            name for name in names if self.system.reach(self.culprit, name) >= LEAST_REACH / 1.5
        ]
        busiest = max(names, key=lambda name: self.system.reach(self.culprit, name))
        return Where(self.culprit, frozenset({self.draw.choice(busy or [busiest])}))

    def share(self, low: float = 0.5, high: float = 0.95) -> float:
        """A share of the calls: few faults touch them all."""
        return self.draw.uniform(low, high)

    def error(self, text: str, **exceptions: str) -> LogTemplate:
        """An ERROR line; `exceptions` names the class by runtime."""
        return parse_log_template(f"ERROR {text}", exceptions.get(self.runtime))


@dataclass(frozen=True, slots=True)
class FaultType:
    """One type of fault.

    Attributes:
        name: as in `cases.json`.
        put: puts the fault into the world of the setting.
        suits: which services can be its culprit.
        suits_silent: which can be its silent culprit; None: it is never silent.
        can_be_loud: whether the culprit may say ERROR.
    """

    name: str
    put: Callable[[FaultSetting], None]
    suits: Candidates
    suits_silent: Candidates | None = None
    can_be_loud: bool = True

    def culprits(self, system: CaseSystem, *, silent: bool) -> list[str]:
        """The services that can be the culprit, sorted."""
        suits = self.suits_silent if silent else self.suits
        if suits is None or not (silent or self.can_be_loud):
            return []
        return [
            name
            for name in sorted(system.topology.services)
            if name != system.gateway
            and system.reach(name) >= LEAST_REACH
            and (not silent or name not in system.noisy)
            and suits(system, name)
        ]


def anyone(system: CaseSystem, service: str) -> bool:
    """Every service suits."""
    return True


def calls_others(system: CaseSystem, service: str) -> bool:
    """A service that calls others."""
    return bool(system.callees(service))


def calls_nobody(system: CaseSystem, service: str) -> bool:
    """A service that calls no other."""
    return not system.callees(service)


def uses_database(system: CaseSystem, service: str) -> bool:
    """A service whose database is used by a fair share of the requests."""
    return _uses(system, service, next(iter(system.topology.services[service].resources), ""))


def uses_partner(system: CaseSystem, service: str) -> bool:
    """A service that calls a partner for a fair share of the requests."""
    return _uses(system, service, PARTNER)


def writes(system: CaseSystem, service: str) -> bool:
    """A service that a fair share of the requests lets write."""
    return any(
        operation.route.startswith("POST") and system.reach(service, name) >= LEAST_REACH / 1.5
        for name, operation in system.topology.services[service].operations.items()
    )


def _uses(system: CaseSystem, service: str, resource: str) -> bool:
    return any(
        step.use == resource and system.reach(service, name) >= LEAST_REACH / 1.5
        for name, operation in system.topology.services[service].operations.items()
        for step in operation.steps
    )
