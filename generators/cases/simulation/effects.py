"""The conditions that faults, harmless changes and ambient noise are composed of."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from typing_extensions import override

from generators.cases.draw import Draw
from generators.cases.simulation.condition import Condition, Course, Trouble, Where, WrongAnswer
from generators.cases.simulation.visit import Visit
from generators.log_template import LogTemplate
from generators.topology import OperationRef


@dataclass(frozen=True, slots=True)
class Wait:
    """A waiting time: lognormal around a median."""

    median_ms: float
    sigma: float

    def drawn_us(self, draw: Draw, strength: float = 1.0) -> int:
        """One waiting time in us; a weaker effect waits less."""
        return int(1000 * self.median_ms * strength * draw.lognormvariate(0, self.sigma))


@dataclass(frozen=True)
class SlowWork(Condition):
    """Own work takes longer, scattered: processor time is taken away now and then."""

    where: Where
    course: Course
    factor: float
    draw: Draw
    sigma: float = 0.5
    share: float = 1.0

    @override
    def slowness(self, visit: Visit) -> float:
        strength = self.course.strength(visit.now_us)
        if not strength or not self.where.holds(visit) or self.draw.random() > self.share:
            return 1.0
        factor = self.factor * strength * self.draw.lognormvariate(0, self.sigma)
        return max(1.0, factor)


@dataclass(frozen=True)
class StepTrouble(Condition):
    """Trouble before one step of some operations, for a share of the visits.

    `at_step` beyond the last step means the operation's end. After waiting over `limit_ms` the
    visit says `over_limit` and ends with `limit_status`; else it says `said` and, with a
    `status`, ends.
    """

    where: Where
    course: Course
    share: float
    draw: Draw
    at_step: int = 0
    wait: Wait | None = None
    said: tuple[LogTemplate, ...] = ()
    status: int | None = None
    limit_ms: float | None = None
    over_limit: tuple[LogTemplate, ...] = ()
    limit_status: int = 500

    @override
    def before_step(self, visit: Visit, step: int) -> Trouble | None:
        if step != min(self.at_step, len(visit.operation.steps)) or not self.where.holds(visit):
            return None
        return self._trouble(visit)

    def _trouble(self, visit: Visit) -> Trouble | None:
        strength = self.course.strength(visit.now_us)
        if self.draw.random() >= self.share * strength:
            return None
        waited_us = self.wait.drawn_us(self.draw, max(strength, 0.3)) if self.wait else 0
        if self.limit_ms is not None and waited_us > 1000 * self.limit_ms:
            return Trouble(int(1000 * self.limit_ms), self.over_limit, self.limit_status)
        return Trouble(waited_us, self.said, self.status)


@dataclass(frozen=True)
class Hiccups(Condition):
    """Now and then a visit stands still for a while, wherever it is, as in all systems."""

    share: float
    wait: Wait
    draw: Draw

    @override
    def before_step(self, visit: Visit, step: int) -> Trouble | None:
        if step or self.draw.random() >= self.share:
            return None
        return Trouble(self.wait.drawn_us(self.draw))


@dataclass(frozen=True)
class ResourceTrouble(StepTrouble):
    """The same while a resource is used, or (`before_use`) before it is reached.

    `writes_alone` spares what only reads.
    """

    resource: str = ""
    writes_alone: bool = False
    before_use: bool = False

    @override
    def before_step(self, visit: Visit, step: int) -> Trouble | None:
        return None

    @override
    def using(self, visit: Visit, resource: str, *, writes: bool) -> Trouble | None:
        if resource != self.resource or not self.where.holds(visit):
            return None
        if self.writes_alone and not writes:
            return None
        trouble = self._trouble(visit)
        return trouble and dataclasses.replace(trouble, before_use=self.before_use)


@dataclass(frozen=True)
class WrongReply(Condition):
    """A service answers nonsense for a share of the visits and notices nothing.

    `reactions` says what each caller does with it, `complaints` what it says if it fails.
    """

    where: Where
    course: Course
    share: float
    draw: Draw
    reactions: Mapping[str, WrongAnswer]
    complaints: Mapping[str, LogTemplate] = field(default_factory=dict)

    @override
    def spoils_reply(self, visit: Visit) -> bool:
        strength = self.course.strength(visit.now_us)
        return self.where.holds(visit) and self.draw.happens(self.share * strength)

    @override
    def wrong_answer(self, caller: Visit, callee: OperationRef) -> WrongAnswer | None:
        return self.reactions.get(caller.ref.service, WrongAnswer.FAIL)

    @override
    def complaint(self, caller: Visit, callee: OperationRef) -> LogTemplate | None:
        return self.complaints.get(caller.ref.service)


@dataclass(frozen=True)
class NewLine(Condition):
    """A new version says one line more, or says another line than before."""

    where: Where
    since_us: Mapping[int, int]
    line: LogTemplate
    in_place_of: LogTemplate | None = None

    @override
    def new_lines(self, visit: Visit) -> tuple[LogTemplate, ...]:
        return () if self.in_place_of is not None or not self._new(visit) else (self.line,)

    @override
    def reworded(self, visit: Visit, template: LogTemplate) -> LogTemplate:
        return self.line if template is self.in_place_of and self._new(visit) else template

    def _new(self, visit: Visit) -> bool:
        since = self.since_us.get(visit.replica)
        return since is not None and visit.begin_us >= since and self.where.holds(visit)


@dataclass(frozen=True)
class LostLines(Condition):
    """What some replicas say is not kept."""

    where: Where
    course: Course

    @override
    def loses_lines(self, visit: Visit) -> bool:
        return self.where.holds(visit) and self.course.strength(visit.now_us) > 0
