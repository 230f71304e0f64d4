"""Faults of programs and their settings. How real ones look: docs/fault-types.md."""

from __future__ import annotations

from typing import Final

from generators.cases.faults.deployment import SECOND_US, restart, roll_out
from generators.cases.faults.fault import FaultSetting, FaultType, anyone, calls_others
from generators.cases.simulation.condition import CallPolicy, Course, Where, WrongAnswer
from generators.cases.simulation.effects import NewLine, SlowWork, StepTrouble, Wait, WrongReply
from generators.cases.simulation.wire_effects import HastyCalls
from generators.cases.simulation.world import LoneLine
from generators.log_template import LogTemplate, parse_log_template

_COMPLAINTS: Final = (
    "ERROR {operation} failed: value is null",
    "ERROR Cannot use the answer of {callee}: required field is missing",
    "ERROR Unhandled error in {operation}",
    "ERROR Invalid answer from {callee}: unexpected value",
)
_NULL_CLASS: Final = {
    "java": "java.lang.NullPointerException",
    "python": "TypeError",
    "go": "runtime error: invalid memory address or nil pointer dereference",
}


def wrong_return(to: FaultSetting) -> None:
    """A bad value after a change: the culprit answers 200, and its callers stumble.

    Loud: the culprit now and then meets the bad value itself.
    """
    draw = to.draw
    where = to.one_operation() if draw.happens(0.7) else to.anywhere()
    reactions: dict[str, WrongAnswer] = {}
    complaints: dict[str, LogTemplate] = {}
    callers = sorted(to.system.callers(to.culprit))
    for name in sorted(to.system.topology.services):
        service = to.system.topology.services[name]
        kind = draw.choices(list(WrongAnswer), weights=(6, 2, 2))[0]
        reactions[name] = WrongAnswer.FAIL if name == callers[0] else kind
        exception = _NULL_CLASS[service.runtime] if draw.happens(0.7) else None
        complaints[name] = parse_log_template(draw.choice(_COMPLAINTS), exception)
    share = to.share(0.5, 1.0)
    for course, at in _changed(to, where):
        to.world.add(WrongReply(at, course, share, draw, reactions, complaints))
        if not to.silent:
            own = to.error(
                "Cannot convert setting value ''", java="java.lang.IllegalStateException"
            )
            to.world.add(StepTrouble(at, course, 0.15, draw, at_step=1, said=(own,), status=500))
        elif draw.happens(0.3):
            odd = parse_log_template("INFO Nothing to do for {order_id}, result is empty")
            since = dict.fromkeys(range(len(to.world.replicas[to.culprit])), course.start_us)
            to.world.add(NewLine(at, since, odd))


def operation_exception(to: FaultSetting) -> None:
    """One operation breaks off with an exception. Silent: its handler swallows the message."""
    draw = to.draw
    where = to.one_operation()
    name = next(iter(where.operations))
    steps = to.system.topology.services[to.culprit].operations[name].steps
    thrown = to.error(
        draw.choice(("Unexpected error in {operation}", "Index out of range", "Cannot map {sku}")),
        java="java.lang.IndexOutOfBoundsException",
        python="KeyError",
        go="runtime error: index out of range",
    )
    at_step = draw.randint(0, len(steps))
    share = to.share(0.35, 1.0)
    for course, at in _changed(to, where):
        to.world.add(
            StepTrouble(
                at, course, share, draw, at_step=at_step, wait=Wait(1.5, 0.5),
                said=() if to.silent else (thrown,), status=500,
            )
        )  # fmt: skip


def memory_leak(to: FaultSetting) -> None:
    """Pauses of garbage collection grow, then the process is killed and started again.

    Silent: the kernel kills it, and it cannot say a word; loud: it first runs out of heap.
    """
    draw = to.draw
    for replica in range(len(to.world.replicas[to.culprit])):
        if replica and draw.happens(0.25):
            continue
        where = Where(to.culprit, replicas=frozenset({replica}))
        at_us = to.start_us
        while at_us < to.end_us:
            lives_us = int(draw.uniform(35, 80) * SECOND_US)
            course = Course(at_us, at_us + lives_us, lives_us)
            to.world.add(
                StepTrouble(where, course, 0.7, draw, wait=Wait(to.patience_ms * 0.4, 0.9)),
                SlowWork(where, course, 2.5, draw),
            )
            if not to.silent:
                gone = to.error("Java heap space", java="java.lang.OutOfMemoryError")
                if to.runtime != "java":
                    gone = to.error("cannot allocate memory", python="MemoryError")
                late = Course(at_us + lives_us * 2 // 3, at_us + lives_us)
                to.world.add(StepTrouble(where, late, 0.35, draw, said=(gone,), status=500))
            _warn_of_memory(to, replica, course)
            away_us = int(draw.uniform(8, 25) * SECOND_US)
            restart(to.world, to.culprit, replica, at_us + lives_us, away_us)
            at_us += lives_us + away_us


def retry_storm(to: FaultSetting) -> None:
    """A caller gives up too early and tries again at once: it floods what it calls."""
    draw = to.draw
    called = {
        step.callee: to.system.usual_ms[step.callee]
        for operation in to.system.topology.services[to.culprit].operations.values()
        for step in operation.steps
        if step.callee
    }
    slowest = max(sorted(called), key=lambda callee: called[callee])
    since = roll_out(to.world, to.system, to.culprit, to.start_us, draw)
    hasty = CallPolicy(
        max(2, int(called[slowest] * draw.uniform(0.7, 1.1))), draw.randint(3, 5), 2.0
    )
    for replica, since_us in since.items():
        where = Where(to.culprit, replicas=frozenset({replica}))
        to.world.add(HastyCalls(where, Course(since_us, to.end_us), hasty))
    course = Course(to.start_us, to.end_us, 40 * SECOND_US)
    full = parse_log_template("WARN Request queue is full, {queue_depth} waiting: refused")
    # What is called is overloaded for everybody, not for the culprit alone.
    at = Where(slowest.service)
    to.world.add(
        SlowWork(at, course, draw.uniform(1.5, 3), draw),
        StepTrouble(at, course, draw.uniform(0.05, 0.2), draw, said=(full,), status=503),
    )


def _changed(to: FaultSetting, where: Where) -> list[tuple[Course, Where]]:
    """When the fault holds where: with a new version replica by replica, or with bad data."""
    if to.draw.happens(0.35):
        return [(to.course(20), where)]
    since = roll_out(to.world, to.system, to.culprit, to.start_us, to.draw)
    return [
        (
            Course(since_us, to.end_us),
            Where(where.service, where.operations, frozenset({replica})),
        )
        for replica, since_us in since.items()
    ]


def _warn_of_memory(to: FaultSetting, replica: int, course: Course) -> None:
    if to.runtime != "java" or to.draw.happens(0.4):
        return
    line = parse_log_template(
        "WARN GC overhead: old generation at 9{quantity} percent after collection"
    )
    at_us = course.start_us + course.ramp_us // 3
    while at_us < course.end_us:
        to.world.lone_lines.append(LoneLine(at_us, to.culprit, replica, line, "MemoryMonitor"))
        at_us += int(to.draw.uniform(5, 12) * SECOND_US)


CODE_FAULTS = (
    FaultType("return", wrong_return, anyone, anyone),
    FaultType("exception", operation_exception, anyone, anyone),
    FaultType("memory_leak", memory_leak, anyone, anyone),
    FaultType("retry_storm", retry_storm, calls_others),
)
