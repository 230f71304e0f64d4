"""Notes which visits a fault has touched, so that its errors are told from another one's."""

from __future__ import annotations

from typing import TypeVar

from typing_extensions import override

from generators.cases.simulation.condition import (
    CallPolicy,
    Condition,
    Trouble,
    WireTrouble,
    WrongAnswer,
)
from generators.cases.simulation.visit import Visit
from generators.log_template import LogTemplate
from generators.topology import OperationRef, Step

Answer = TypeVar("Answer")


class Watched(Condition):
    """A condition as it is, and the span ids of the visits that it made unusual."""

    def __init__(self, inner: Condition, touched: set[str]) -> None:
        self._inner = inner
        self._touched = touched

    def _noted(self, visit: Visit, answer: Answer, usual: Answer) -> Answer:
        if answer != usual:
            self._touched.add(visit.span_id)
        return answer

    @override
    def slowness(self, visit: Visit) -> float:
        return self._noted(visit, self._inner.slowness(visit), 1.0)

    @override
    def before_step(self, visit: Visit, step: int) -> Trouble | None:
        return self._noted(visit, self._inner.before_step(visit, step), None)

    @override
    def using(self, visit: Visit, resource: str, *, writes: bool) -> Trouble | None:
        return self._noted(visit, self._inner.using(visit, resource, writes=writes), None)

    @override
    def on_wire(self, caller: Visit, callee: OperationRef) -> WireTrouble | None:
        return self._noted(caller, self._inner.on_wire(caller, callee), None)

    @override
    def spoils_reply(self, visit: Visit) -> bool:
        return self._noted(visit, self._inner.spoils_reply(visit), usual=False)

    @override
    def wrong_answer(self, caller: Visit, callee: OperationRef) -> WrongAnswer | None:
        return self._inner.wrong_answer(caller, callee)

    @override
    def complaint(self, caller: Visit, callee: OperationRef) -> LogTemplate | None:
        return self._inner.complaint(caller, callee)

    @override
    def call_policy(self, visit: Visit, step: Step, usual: CallPolicy) -> CallPolicy:
        return self._noted(visit, self._inner.call_policy(visit, step, usual), usual)

    @override
    def reworded(self, visit: Visit, template: LogTemplate) -> LogTemplate:
        return self._inner.reworded(visit, template)

    @override
    def new_lines(self, visit: Visit) -> tuple[LogTemplate, ...]:
        return self._noted(visit, self._inner.new_lines(visit), ())

    @override
    def loses_lines(self, visit: Visit) -> bool:
        return self._noted(visit, self._inner.loses_lines(visit), usual=False)
