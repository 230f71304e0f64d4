"""The state of a simulated system: replicas, their restarts, pace and conditions."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from generators.cases.draw import Draw
from generators.cases.simulation.condition import Condition
from generators.cases.simulation.records import hex_id
from generators.cases.system.model import CaseSystem
from generators.log_template import LogTemplate
from generators.topology import OperationRef

# So long after its death a replica still gets calls, and refuses them.
NOTICED_US: Final = 2_000_000
# How far a service's pace differs from one stretch of time to another: lognormal.
PACE_SIGMA: Final = 0.08


@dataclass(slots=True)
class Replica:
    """One replica: its names, each from a time on, and when it was dead (us since the epoch)."""

    names: list[tuple[int, str]]
    outages: list[tuple[int, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class LoneLine:
    """A line that a replica says outside of requests, at a time in us since the epoch."""

    at_us: int
    service: str
    replica: int
    template: LogTemplate
    logger: str = "Main"


@dataclass(frozen=True, slots=True)
class TrafficChange:
    """From a time on, so many times the usual requests come to some entries."""

    start_us: int
    entries: frozenset[OperationRef]
    factor: float


class World:
    """The state of a system that does not depend on a single request."""

    def __init__(self, system: CaseSystem, draw: Draw) -> None:
        self.conditions: tuple[Condition, ...] = ()
        self.lone_lines: list[LoneLine] = []
        self.traffic_changes: list[TrafficChange] = []
        # Every stretch of time has another load, mix of requests and pace.
        self.traffic = draw.lognormvariate(0, 0.12)
        self.mix = {entry: draw.lognormvariate(0, 0.2) for entry in system.topology.entries}
        everywhere = draw.lognormvariate(0, PACE_SIGMA)
        self._pace = {
            name: everywhere * draw.lognormvariate(0, PACE_SIGMA)
            for name in system.topology.services
        }
        self.replicas = {
            name: [Replica([(0, instance_name(name, draw))]) for _ in range(service.instances)]
            for name, service in system.topology.services.items()
        }

    def add(self, *conditions: Condition) -> None:
        """Adds conditions; those first added are asked first."""
        self.conditions += conditions

    def pace(self, service: str) -> float:
        """By how much this service's work takes longer in this stretch of time."""
        return self._pace[service]

    def pick_replica(self, service: str, at_us: int, draw: Draw) -> int | None:
        """The replica that a call goes to; None: nobody takes it."""
        replicas = self.replicas[service]
        known = [
            number
            for number, replica in enumerate(replicas)
            if not any(dead + NOTICED_US <= at_us < back for dead, back in replica.outages)
        ]
        if not known:
            return None
        picked = known[draw.randrange(len(known))]
        if any(dead <= at_us < back for dead, back in replicas[picked].outages):
            return None
        return picked

    def instance(self, service: str, replica: int, at_us: int) -> str:
        """The name of a replica at a time."""
        names = self.replicas[service][replica].names
        return next(name for since, name in reversed(names) if since <= at_us)

    def death(self, service: str, replica: int, at_us: int) -> int | None:
        """When a replica dies after a time; None if it does not."""
        outages = self.replicas[service][replica].outages
        return min((dead for dead, _ in outages if dead > at_us), default=None)


def instance_name(service: str, draw: Draw) -> str:
    """A new name for a replica, as an orchestrator makes them."""
    return f"{service}-{hex_id(draw, 8)}-{hex_id(draw, 5)}"
