"""The conditions of calls between services: delays, losses, refusals, premature retries."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from typing_extensions import override

from generators.cases.draw import Draw
from generators.cases.simulation.condition import (
    CallPolicy,
    Condition,
    Course,
    Trouble,
    Where,
    WireTrouble,
)
from generators.cases.simulation.effects import Wait
from generators.cases.simulation.visit import Visit
from generators.log_template import LogTemplate
from generators.topology import OperationRef, Step

FIRST_RETRANSMISSION_US: Final = 200_000
LONGEST_RETRANSMISSION_US: Final = 2_000_000


@dataclass(frozen=True)
class SlowWire(Condition):
    """Packets from and to some replicas of a service come late, or are lost and sent again.

    A lost packet costs a retransmission timeout that doubles from one loss to the next
    (RFC 6298; Linux begins at 200 ms). Databases stand behind the same network. Which replica
    answers a call is open when it is made, so `share` of the calls stands for the replicas.
    """

    where: Where
    course: Course
    delay: Wait
    loss: float
    draw: Draw
    share: float = 1.0

    @override
    def on_wire(self, caller: Visit, callee: OperationRef) -> WireTrouble | None:
        strength = self.course.strength(caller.now_us)
        to_it = callee.service == self.where.service and self.draw.happens(self.share)
        if not strength or not (to_it or self.where.holds(caller)):
            return None
        return WireTrouble(self._delay_us(strength))

    @override
    def using(self, visit: Visit, resource: str, *, writes: bool) -> Trouble | None:
        strength = self.course.strength(visit.now_us)
        if not strength or not self.where.holds(visit):
            return None
        return Trouble(self._delay_us(strength))

    def _delay_us(self, strength: float) -> int:
        late_us = self.delay.drawn_us(self.draw, strength) if self.delay.median_ms else 0
        timeout_us = FIRST_RETRANSMISSION_US
        while self.draw.happens(self.loss * strength) and timeout_us < LONGEST_RETRANSMISSION_US:
            late_us += timeout_us
            timeout_us *= 2
        return late_us


@dataclass(frozen=True)
class NoWay(Condition):
    """Calls do not get through: to a service (`callee`), or from one to all others (`caller`)."""

    course: Course
    share: float
    line: LogTemplate
    wait: Wait
    draw: Draw
    callee: str | None = None
    caller: Where | None = None

    @override
    def on_wire(self, caller: Visit, callee: OperationRef) -> WireTrouble | None:
        if self.callee is not None and callee.service != self.callee:
            return None
        if self.caller is not None and not self.caller.holds(caller):
            return None
        if self.draw.random() >= self.share * self.course.strength(caller.now_us):
            return None
        return WireTrouble(self.wait.drawn_us(self.draw), self.line)


@dataclass(frozen=True)
class HastyCalls(Condition):
    """A caller gives up early and tries again at once, many times."""

    where: Where
    course: Course
    policy: CallPolicy

    @override
    def call_policy(self, visit: Visit, step: Step, usual: CallPolicy) -> CallPolicy:
        hasty = self.where.holds(visit) and self.course.strength(visit.now_us) > 0
        return self.policy if hasty else usual
