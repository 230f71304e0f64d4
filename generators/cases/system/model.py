"""Seeded systems: which services there are, who calls whom, how each logs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from generators.cases.system.service_lines import Habit
from generators.topology import OperationRef, Topology


@dataclass(frozen=True, slots=True)
class CaseSystem:
    """One simulated system and its day.

    Attributes:
        cached: steps that a share of the requests skips, since the answer is at hand.
        ambient: lines that a share of some operations' visits says although nothing is wrong.
        ambient_alone: lines that some services say outside of requests, each so often a minute.
        usual_ms: about how long an operation takes.
        gateway: the service that customers reach.
    """

    number: int
    day: date
    topology: Topology
    gateway: str
    habits: dict[str, Habit]
    cached: dict[tuple[OperationRef, int], float]
    ambient: tuple[tuple[OperationRef, str, float], ...]
    ambient_alone: tuple[tuple[str, str, float], ...]
    usual_ms: dict[OperationRef, float]

    @property
    def noisy(self) -> set[str]:
        """The services that say ERROR although nothing is wrong."""
        alone = {name for name, line, _ in self.ambient_alone if line.startswith("ERROR")}
        return alone | {ref.service for ref, line, _ in self.ambient if line.startswith("ERROR")}

    @property
    def midnight(self) -> datetime:
        """The beginning of its day, UTC."""
        return datetime(self.day.year, self.day.month, self.day.day, tzinfo=UTC)

    def writes(self, ref: OperationRef, step: int) -> bool:
        """True for a step that writes: the last use of a database in an operation that stores."""
        operation = self.topology.operation(ref)
        return operation.route.startswith("POST") and step == len(operation.steps) - 1

    def callers(self, service: str) -> set[str]:
        """The services that call a service themselves."""
        return {
            name
            for name, parts in self.topology.services.items()
            for operation in parts.operations.values()
            for step in operation.steps
            if step.callee and step.callee.service == service
        }

    def callees(self, service: str) -> set[str]:
        """The services that a service calls itself."""
        return {
            step.callee.service
            for operation in self.topology.services[service].operations.values()
            for step in operation.steps
            if step.callee
        }

    def reach(self, service: str, operation: str | None = None) -> float:
        """The share of the requests that come to a service, or to one operation of it."""
        entries = self.topology.entries
        come = sum(
            weight
            for entry, weight in entries.items()
            if any(
                ref.service == service and operation in (None, ref.operation)
                for ref in self.topology.reachable(entry)
            )
        )
        return come / sum(entries.values())
