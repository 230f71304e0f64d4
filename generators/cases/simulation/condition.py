"""The hooks by which faults and changes alter a walk, and when they apply.

A fault, a harmless change and the ambient noise of good times are all made of conditions, so
nothing in the walk knows which of them it meets.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from generators.cases.simulation.visit import Visit
from generators.log_template import LogTemplate
from generators.topology import OperationRef, Step


@dataclass(frozen=True, slots=True)
class Course:
    """When a condition holds (us since the epoch) and how fast it comes up."""

    start_us: int
    end_us: int
    ramp_us: int = 0

    def strength(self, at_us: int) -> float:
        """0 outside, 1 in full, and a straight line between over the ramp."""
        if not self.start_us <= at_us < self.end_us:
            return 0.0
        return min(1.0, (at_us - self.start_us) / self.ramp_us) if self.ramp_us else 1.0


@dataclass(frozen=True, slots=True)
class Where:
    """Which visits are meant: of a service; of some operations and replicas, or (none) of all."""

    service: str
    operations: frozenset[str] = frozenset()
    replicas: frozenset[int] = frozenset()

    def holds(self, visit: Visit) -> bool:
        """True for a visit that is meant."""
        return (
            visit.ref.service == self.service
            and (not self.operations or visit.ref.operation in self.operations)
            and (not self.replicas or visit.replica in self.replicas)
        )


@dataclass(frozen=True, slots=True)
class Trouble:
    """What befalls a visit: it waits, says some lines, and with a status ends with it.

    `before_use`: of a resource, it comes before the resource is reached, as waiting for a
    connection does.
    """

    wait_us: int = 0
    said: tuple[LogTemplate, ...] = ()
    status: int | None = None
    before_use: bool = False


@dataclass(frozen=True, slots=True)
class WireTrouble:
    """What befalls a call between two services: a delay, there and back together, or no way.

    With `refused` the callee never hears of the call; the caller says that line after the delay.
    """

    delay_us: int = 0
    refused: LogTemplate | None = None


@dataclass(frozen=True, slots=True)
class CallPolicy:
    """How a caller calls: its patience, how often it tries again, and the pause before."""

    timeout_ms: int
    retries: int
    pause_ms: float


class WrongAnswer(enum.Enum):
    """What a caller does with an answer that looks good and holds nonsense."""

    FAIL = enum.auto()
    SKIP_REST = enum.auto()
    PASS_ON = enum.auto()


class Condition:
    """The hooks, each asked at its moment; as they stand here nothing is unusual."""

    def slowness(self, visit: Visit) -> float:
        """By how much the visit's own work takes longer now."""
        return 1.0

    def before_step(self, visit: Visit, step: int) -> Trouble | None:
        """Trouble before a step of the operation; the number of steps stands for its end."""
        return None

    def using(self, visit: Visit, resource: str, *, writes: bool) -> Trouble | None:
        """Trouble with a database or a partner."""
        return None

    def on_wire(self, caller: Visit, callee: OperationRef) -> WireTrouble | None:
        """Trouble between two services."""
        return None

    def spoils_reply(self, visit: Visit) -> bool:
        """True if this visit answers nonsense."""
        return False

    def wrong_answer(self, caller: Visit, callee: OperationRef) -> WrongAnswer | None:
        """What the caller does with nonsense; None: this condition does not know."""
        return None

    def complaint(self, caller: Visit, callee: OperationRef) -> LogTemplate | None:
        """What a caller that fails over nonsense says."""
        return None

    def call_policy(self, visit: Visit, step: Step, usual: CallPolicy) -> CallPolicy:
        """How the visit calls now."""
        return usual

    def reworded(self, visit: Visit, template: LogTemplate) -> LogTemplate:
        """The line that is said in place of another."""
        return template

    def new_lines(self, visit: Visit) -> tuple[LogTemplate, ...]:
        """Lines said once more than before, at the start of the visit."""
        return ()

    def loses_lines(self, visit: Visit) -> bool:
        """True while what the visit says is not kept."""
        return False
