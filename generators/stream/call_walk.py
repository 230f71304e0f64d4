"""One request's walk over the call graph: its spans, its moments in time, its log events.

Pure: a walk is planned once, and rendered for any number of requests that go the same way.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final

from generators.log_template import LogTemplate
from generators.scenario import CALLER_GONE, FaultMode
from generators.stack_trace import stack_trace
from generators.stream.walk_plan import PlannedEvent, PlannedSpan, Segment, WalkPlan, fill_in
from generators.topology import Operation, OperationRef, Service, Step, Topology

# On the wire between two services; a callee's span starts and ends within its caller's.
NETWORK_HOP_MS: Final = 0.4
# A callee that is cut off hears of it so long before its caller writes the timeout down.
CANCEL_LEAD_MS: Final = 5.0

OK: Final = 200
BAD_REQUEST: Final = 400
GATEWAY_TIMEOUT: Final = 504


@dataclass(frozen=True, slots=True)
class Outcome:
    """How the requests of one shape go: healthy, refused at one operation, or hit by a fault."""

    rejected_at: OperationRef | None = None
    fault: FaultMode | None = None
    affected: frozenset[OperationRef] = frozenset()


@dataclass(slots=True)
class _Span:
    """The operation that is being walked."""

    ref: OperationRef
    service: Service
    operation: Operation
    index: int
    start: int
    version: str
    # Moment of the call and the caller's patience; None for an entry.
    deadline: tuple[int, int] | None


class CallWalk:
    """Plans walks. Templates are picked with `choices`, so one seed gives one plan."""

    def __init__(self, topology: Topology, outcome: Outcome, choices: random.Random) -> None:
        self._topology = topology
        self._outcome = outcome
        self._choices = choices
        self._plan = WalkPlan()

    def plan(self, entry: OperationRef) -> WalkPlan:
        """The walk of a request that enters at `entry`. Use a CallWalk once."""
        self._walk(entry, None, None)
        return self._plan

    def _walk(self, ref: OperationRef, parent: int | None, deadline: tuple[int, int] | None) -> int:
        """Walks one operation; returns its status code."""
        service = self._topology.services[ref.service]
        operation = self._topology.operation(ref)
        self._plan.spans.append(PlannedSpan(parent, ref.service, operation.route, self._plan.now))
        fault = self._outcome.fault if ref in self._outcome.affected else None
        span = _Span(
            ref,
            service,
            operation,
            len(self._plan.spans) - 1,
            self._plan.now,
            (fault and fault.version) or service.version,
            deadline,
        )
        self._work(0.1)
        self._say(span, self._pick(service.received))
        if fault is not None:
            status = self._fail(span, fault)
            if status is not None:
                return self._end(span, status)
        for step in span.operation.steps:
            status = self._step(span, step)
            if status is not None:
                return self._end(span, status)
        if self._outcome.rejected_at == ref and span.operation.rejection is not None:
            self._work(0.3)
            self._say(span, span.operation.rejection.log)
            return self._end(span, span.operation.rejection.status_code)
        return self._end(span, OK)

    def _step(self, span: _Span, step: Step) -> int | None:
        """Does one step; the status with which the operation must end, or None to go on."""
        if step.callee is not None:
            return self._call(span, step, step.callee)
        self._work(step.work_ms)
        if step.log:
            self._say(span, self._pick(step.log), resource=step.use)
        return None

    def _fail(self, span: _Span, fault: FaultMode) -> int | None:
        if fault.wait_ms[1] > 0:
            self._plan.segments.append(Segment("uniform", *fault.wait_ms))
        if fault.until_caller_gives_up and span.deadline is not None:
            since, timeout_ms = span.deadline
            self._plan.segments.append(Segment("until", timeout_ms - CANCEL_LEAD_MS, since=since))
        for template in fault.logs:
            self._work(0.2)
            self._say(span, template)
        return fault.status_code

    def _call(self, span: _Span, step: Step, callee: OperationRef) -> int | None:
        service = span.service
        for attempt in range(1 + step.retries):
            called = self._plan.now
            self._work(NETWORK_HOP_MS)
            status = self._walk(callee, span.index, (called, step.timeout_ms))
            self._work(NETWORK_HOP_MS)
            if status < BAD_REQUEST:
                return None
            if status < CALLER_GONE:
                return status
            gave_up = status == CALLER_GONE
            if gave_up:
                self._plan.segments.append(Segment("until", step.timeout_ms, since=called))
            place = {
                "callee": callee.service,
                "status": str(GATEWAY_TIMEOUT if gave_up else status),
                "timeout_ms": str(step.timeout_ms),
            }
            if attempt < step.retries and service.retrying:
                self._say(span, self._pick(service.retrying), place, since=called)
                self._work(20.0 * (attempt + 1))
        if step.on_failure == "degrade" and service.degraded:
            self._say(span, self._pick(service.degraded), place, since=called)
            return None
        occasion = service.call_timed_out if gave_up else service.call_failed
        if occasion:
            self._say(span, self._pick(occasion), place, since=called)
        timed_out = gave_up or status == GATEWAY_TIMEOUT
        return GATEWAY_TIMEOUT if timed_out else service.upstream_failure_status

    def _end(self, span: _Span, status: int) -> int:
        self._work(0.2)
        templates = span.service.completed if status == OK else span.service.failed
        self._say(span, self._pick(templates), {"status": str(status)}, status=status)
        self._plan.spans[span.index].end = self._plan.now
        return status

    def _say(
        self,
        span: _Span,
        template: LogTemplate,
        place: dict[str, str] | None = None,
        *,
        since: int | None = None,
        status: int | None = None,
        resource: str | None = None,
    ) -> None:
        attributes = {"operation": span.ref.operation, "version": span.version}
        if resource is not None:
            attributes["resource_kind"] = span.service.resources[resource].kind
            attributes["resource_name"] = resource
        if place and "callee" in place:
            attributes["callee"] = place["callee"]
        known = {
            "route": span.operation.route,
            "operation": span.ref.operation,
            "version": span.version,
            "resource": resource or "",
            **(place or {}),
        }
        # A refused request is the customer's matter, not the service's.
        refused = status is not None and BAD_REQUEST <= status < CALLER_GONE
        text = fill_in(template.text, known)
        exception = template.exception and stack_trace(
            runtime=span.service.runtime,
            package=span.service.package,
            exception=template.exception,
            message=text,
            logger=span.operation.logger,
            operation=span.ref.operation,
        )
        self._plan.events.append(
            PlannedEvent(
                moment=self._plan.now,
                service=span.ref.service,
                level="INFO" if refused else template.level,
                logger=f"{span.service.package}.{span.operation.logger}",
                text=text,
                span=span.index,
                elapsed_since=span.start if since is None else since,
                latency_since=None if status is None else span.start,
                status_code=status,
                error_code=template.error_code,
                exception=exception or None,
                attributes=tuple(attributes.items()),
            )
        )

    def _work(self, median_ms: float) -> None:
        self._plan.segments.append(Segment("work", median_ms))

    def _pick(self, templates: tuple[LogTemplate, ...]) -> LogTemplate:
        return self._choices.choice(templates)
