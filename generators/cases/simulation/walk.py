"""Walks one request through a system at concrete times, under the conditions in force.

The walks of `generators.stream.call_walk` are planned once and rendered a thousand times. Here each
request is its own: conditions touch single calls, replicas and connections, and timeouts and
retries follow from how long things really took.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from generators.cases.draw import Draw
from generators.cases.simulation.condition import CallPolicy, Condition, WrongAnswer
from generators.cases.simulation.records import Records, hex_id
from generators.cases.simulation.speaker import Story
from generators.cases.simulation.visit import Visit
from generators.cases.simulation.visit_progress import WORK_SIGMA, ReplicaDied, VisitProgress
from generators.cases.simulation.world import World
from generators.cases.system.model import CaseSystem
from generators.log_template import LogTemplate, parse_log_template
from generators.topology import OperationRef, Step

HOP_US: Final = 400
BAD_REQUEST: Final = 400
FIRST_FAILURE: Final = 499
GATEWAY_TIMEOUT: Final = 504

_RESET = parse_log_template("ERROR Connection to {callee} was reset by the peer")
_REFUSED = parse_log_template("ERROR Cannot connect to {callee}: connection refused")


@dataclass(frozen=True, slots=True)
class _Reply:
    """How a call ended for the caller; status 0: the connection broke."""

    status: int
    is_wrong: bool = False
    line: LogTemplate | None = None


class CaseWalk:
    """Walks requests of one system and records what they leave behind."""

    def __init__(self, system: CaseSystem, world: World, records: Records, draw: Draw) -> None:
        self._system = system
        self._world = world
        self._draw = draw
        self._progress = VisitProgress(system, world, records, draw)

    def request(self, entry: OperationRef, start_us: int) -> None:
        """One request from outside; its records are added."""
        self._progress.story = Story(self._draw)
        self._serve(entry, None, start_us)

    @property
    def _conditions(self) -> tuple[Condition, ...]:
        return self._world.conditions

    def _serve(
        self, ref: OperationRef, parent_span_id: str | None, at_us: int
    ) -> tuple[int, _Reply]:
        """Serves one operation; returns when it ended (us since the epoch), and how."""
        service = self._system.topology.services[ref.service]
        replica = self._world.pick_replica(ref.service, at_us, self._draw)
        if replica is None:
            return at_us, _Reply(0, line=_REFUSED)
        instance = self._world.instance(ref.service, replica, at_us)
        visit = Visit(
            ref, service, service.operations[ref.operation], replica, instance,
            hex_id(self._draw, 16), parent_span_id, at_us, at_us,
            self._world.death(ref.service, replica, at_us),
        )  # fmt: skip
        try:
            self._progress.pass_time(visit, 0)
            status = self._operate(visit)
        except ReplicaDied:
            return visit.now_us, _Reply(0, line=_RESET)
        self._progress.span(
            visit, visit.span_id, parent_span_id, visit.operation.route, visit.begin_us
        )
        return visit.now_us, _Reply(status, visit.reply_is_wrong)

    def _operate(self, visit: Visit) -> int:
        self._progress.work(visit, 0.15)
        self._progress.say(visit, visit.service.received[0])
        for condition in self._conditions:
            for template in condition.new_lines(visit):
                self._progress.say(visit, template)
        steps = visit.operation.steps
        for number, step in enumerate(steps):
            status = self._befall(visit, number)
            if status is not None:
                return self._end(visit, status)
            if self._draw.happens(self._system.cached.get((visit.ref, number), 0.0)):
                continue
            status = self._step(visit, number, step)
            if status is not None and status < BAD_REQUEST:
                break
            if status is not None:
                return self._end(visit, status)
        status = self._befall(visit, len(steps))
        if status is not None:
            return self._end(visit, status)
        rejection = visit.operation.rejection
        if rejection is not None and self._draw.happens(rejection.share):
            self._progress.say(visit, rejection.log)
            return self._end(visit, rejection.status_code)
        if any(condition.spoils_reply(visit) for condition in self._conditions):
            visit.reply_is_wrong = True
        return self._end(visit, 200)

    def _befall(self, visit: Visit, step: int) -> int | None:
        for condition in self._conditions:
            trouble = condition.before_step(visit, step)
            if trouble is not None:
                status = self._progress.suffer(visit, trouble)
                if status is not None:
                    return status
        return None

    def _step(self, visit: Visit, number: int, step: Step) -> int | None:
        """Does a step; the status to end with, under 400 to end well at once, or None."""
        if step.callee is not None:
            return self._call(visit, step, step.callee)
        if step.use is None:
            self._progress.work(visit, step.work_ms)
        else:
            status = self._use(visit, step, step.use, writes=self._system.writes(visit.ref, number))
            if status is not None:
                return status
        if step.log:
            self._progress.say(visit, step.log[0], resource=step.use)
        return None

    def _use(self, visit: Visit, step: Step, resource: str, *, writes: bool) -> int | None:
        """Uses a database or a partner, whose part is a span of the caller's."""
        troubles = [
            trouble
            for condition in self._conditions
            if (trouble := condition.using(visit, resource, writes=writes)) is not None
        ]
        for trouble in troubles:
            if trouble.before_use:
                status = self._progress.suffer(visit, trouble)
                if status is not None:
                    return status
        began, status = visit.now_us, None
        self._progress.work(visit, step.work_ms)
        for trouble in troubles:
            if not trouble.before_use and status is None:
                status = self._progress.suffer(visit, trouble)
        if visit.service.resources[resource].kind == "rds":
            operation = f"{'INSERT' if writes else 'SELECT'} {resource}"
        else:
            operation = "HTTP POST"
        self._progress.span(visit, hex_id(self._draw, 16), visit.span_id, operation, began)
        return status

    def _call(self, visit: Visit, step: Step, callee: OperationRef) -> int | None:
        service = visit.service
        policy = CallPolicy(step.timeout_ms, step.retries, 40.0)
        for condition in self._conditions:
            policy = condition.call_policy(visit, step, policy)
        place = {"callee": callee.service, "timeout_ms": str(policy.timeout_ms), "status": ""}
        for attempt in range(1 + policy.retries):
            reply = self._attempt(visit, callee, policy)
            if 0 < reply.status < BAD_REQUEST:
                return self._use_answer(visit, callee) if reply.is_wrong else None
            if BAD_REQUEST <= reply.status < FIRST_FAILURE:
                return reply.status
            place["status"] = str(reply.status) if reply.status else "no connection"
            if attempt < policy.retries and service.retrying:
                self._progress.say(visit, service.retrying[0], place)
                self._progress.pass_time(visit, int(1000 * policy.pause_ms * (1 + attempt)))
        if step.on_failure == "degrade" and service.degraded:
            self._progress.say(visit, service.degraded[0], place)
            return None
        timed_out = reply.status == GATEWAY_TIMEOUT
        occasion = service.call_timed_out if timed_out else service.call_failed
        said = reply.line or (occasion and occasion[0])
        if said:
            self._progress.say(visit, said, place)
        return GATEWAY_TIMEOUT if timed_out else service.upstream_failure_status

    def _attempt(self, visit: Visit, callee: OperationRef, policy: CallPolicy) -> _Reply:
        began = visit.now_us
        span_id = hex_id(self._draw, 16)
        self._progress.call(visit, span_id, callee.service)
        deadline = began + 1000 * policy.timeout_ms
        delay_us, refused = 0, None
        for condition in self._conditions:
            trouble = condition.on_wire(visit, callee)
            if trouble is not None:
                delay_us += trouble.delay_us
                refused = refused or trouble.refused
        if refused is not None:
            ended, reply = began + HOP_US + delay_us, _Reply(0, line=refused)
        else:
            hop_us = int(HOP_US * self._draw.lognormvariate(0, WORK_SIGMA)) + delay_us // 2
            ended, reply = self._serve(callee, span_id, began + hop_us)
            ended += hop_us
        if ended > deadline:
            # The callee knows nothing of it and goes on.
            ended, reply = deadline, _Reply(GATEWAY_TIMEOUT)
        self._progress.pass_time(visit, ended - began)
        method = self._system.topology.operation(callee).route.partition(" ")[0]
        self._progress.span(visit, span_id, visit.span_id, f"HTTP {method}", began)
        return reply

    def _use_answer(self, visit: Visit, callee: OperationRef) -> int | None:
        """Goes on with an answer that holds nonsense."""
        for condition in self._conditions:
            reaction = condition.wrong_answer(visit, callee)
            if reaction is WrongAnswer.FAIL:
                complaint = condition.complaint(visit, callee)
                if complaint is not None:
                    self._progress.say(visit, complaint, {"callee": callee.service})
                return 500
            if reaction is WrongAnswer.SKIP_REST:
                return 200
            if reaction is WrongAnswer.PASS_ON:
                visit.reply_is_wrong = True
        return None

    def _end(self, visit: Visit, status: int) -> int:
        self._progress.work(visit, 0.2)
        templates = visit.service.completed if status < FIRST_FAILURE else visit.service.failed
        self._progress.say(visit, templates[0], {"status": str(status)}, status=status)
        return status
