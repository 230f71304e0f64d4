"""Advances a visit in time and records what it logs and traces."""

from __future__ import annotations

from typing import Final

from generators.cases.draw import Draw
from generators.cases.simulation.condition import Trouble
from generators.cases.simulation.records import RecordedCall, RecordedSpan, Records
from generators.cases.simulation.speaker import Speaker, Story
from generators.cases.simulation.visit import Visit
from generators.cases.simulation.world import World
from generators.cases.system.model import CaseSystem
from generators.log_template import LogTemplate

# Of the time that work takes, around its median: lognormal.
WORK_SIGMA: Final = 0.45


class ReplicaDied(Exception):
    """The replica that serves was killed: nothing more is said or done by it."""


class VisitProgress:
    """Moves visits on in time; `story` is the request's that they belong to."""

    def __init__(self, system: CaseSystem, world: World, records: Records, draw: Draw) -> None:
        self.story = Story(draw)
        self._world = world
        self._records = records
        self._draw = draw
        self._speaker = Speaker(system, records, draw)

    def suffer(self, visit: Visit, trouble: Trouble) -> int | None:
        """The trouble befalls the visit; returns the status to end with, if it ends."""
        self.pass_time(visit, trouble.wait_us)
        for template in trouble.said:
            self.say(visit, template)
        return trouble.status

    def work(self, visit: Visit, median_ms: float) -> None:
        """Own work of about so long passes.

        Raises:
            ReplicaDied: the replica is killed before it is done.
        """
        factor = self._world.pace(visit.ref.service) * self._draw.lognormvariate(0, WORK_SIGMA)
        for condition in self._world.conditions:
            factor *= condition.slowness(visit)
        self.pass_time(visit, int(1000 * median_ms * factor) + 1)

    def pass_time(self, visit: Visit, us: int) -> None:
        """So much time passes; raises as `work` does."""
        visit.now_us += us
        if visit.dies_us is not None and visit.now_us >= visit.dies_us:
            visit.now_us = visit.dies_us
            raise ReplicaDied

    def say(
        self,
        visit: Visit,
        template: LogTemplate,
        place: dict[str, str] | None = None,
        *,
        status: int | None = None,
        resource: str | None = None,
    ) -> None:
        """The visit says a line, unless it is reworded or lost. `place` fills in variables."""
        for condition in self._world.conditions:
            template = condition.reworded(visit, template)
            if condition.loses_lines(visit):
                return
        known = {"resource": resource or "", **(place or {})}
        self._speaker.say(visit, template, self.story, known, status)

    def call(self, visit: Visit, span_id: str, callee: str) -> None:
        """The visit calls a service now."""
        self._records.calls.append(
            RecordedCall(
                visit.now_us, span_id, visit.ref.service, callee, visit.span_id,
                visit.parent_span_id,
            )
        )  # fmt: skip

    def span(
        self, visit: Visit, span_id: str, parent: str | None, operation: str, began_us: int
    ) -> None:
        """A span of the visit ends now."""
        self._records.spans.append(
            RecordedSpan(
                self.story.trace_id, span_id, parent, visit.ref.service, visit.instance,
                operation, began_us, visit.now_us,
            )
        )  # fmt: skip
