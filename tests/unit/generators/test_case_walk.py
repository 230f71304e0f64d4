"""What a walk makes of conditions: timeouts, retries, deaths of replicas, lost packets, changes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from generators.cases.draw import Draw
from generators.cases.faults.deployment import restart, roll_out
from generators.cases.faults.fault import uses_partner
from generators.cases.simulation.condition import CallPolicy, Course, Where
from generators.cases.simulation.effects import LostLines, NewLine, StepTrouble, Wait
from generators.cases.simulation.records import Records
from generators.cases.simulation.run import SECOND_US, simulate, usual_world
from generators.cases.simulation.wire_effects import HastyCalls, NoWay, SlowWire
from generators.cases.simulation.world import World
from generators.cases.system.builder import SystemBuilder
from generators.log_template import parse_log_template

SYSTEM = SystemBuilder(1, 2).build()
BEGIN_US = 1_800_000_000 * SECOND_US
END_US = BEGIN_US + 60 * SECOND_US
ALWAYS = Course(BEGIN_US, END_US)
CALLED = max(
    (name for name in SYSTEM.topology.services if name != SYSTEM.gateway),
    key=lambda name: (SYSTEM.reach(name), name),
)


def world() -> World:
    return World(SYSTEM, Draw("world"))


def walked(of: World) -> Records:
    return simulate(SYSTEM, of, BEGIN_US, END_US, 3.0, Draw("walk"))


def said(records: Records, service: str | None = None) -> list[dict]:
    return [fields for _, fields in records.events if service in (None, fields["service_name"])]


@given(
    start=st.integers(0, 10**6),
    length=st.integers(1, 10**6),
    ramp=st.integers(0, 10**6),
    times=st.lists(st.integers(-(10**6), 3 * 10**6), min_size=2),
)
def test_a_course_is_nothing_outside_and_only_grows_inside(start, length, ramp, times):
    course = Course(start, start + length, ramp)
    inside = [course.strength(at) for at in sorted(times) if start <= at < start + length]
    assert inside == sorted(inside)
    assert all(0 <= strength <= 1 for strength in inside)
    assert not any(course.strength(at) for at in times if not start <= at < start + length)


def failures(records: Records) -> list[dict]:
    return [one for one in said(records) if one["level"] == "ERROR" and "trace_id" in one]


def test_a_request_without_conditions_has_no_error():
    assert not failures(walked(world()))


def test_a_caller_waits_no_longer_than_its_patience_and_the_callee_goes_on():
    slow = world()
    wait = Wait(50_000, 0.01)
    slow.add(StepTrouble(Where(CALLED), ALWAYS, 1.0, Draw("slow"), wait=wait))
    records = walked(slow)
    calls = {span.span_id: span for span in records.spans if span.operation.startswith("HTTP")}
    longest = max(
        step.timeout_ms
        for service in SYSTEM.topology.services.values()
        for operation in service.operations.values()
        for step in operation.steps
        if step.callee
    )
    assert max(span.end_us - span.start_us for span in calls.values()) <= longest * 1000
    outlived = [
        span
        for span in records.spans
        if span.service == CALLED
        and span.parent_span_id in calls
        and span.end_us > calls[span.parent_span_id].end_us
    ]
    assert outlived
    assert failures(records)


def test_a_killed_replica_is_silent_until_it_is_back_and_loses_what_it_had_not_sent():
    down = world()
    dead_us, away_us = BEGIN_US + 20 * SECOND_US, 15 * SECOND_US
    for replica in range(len(down.replicas[CALLED])):
        restart(down, CALLED, replica, dead_us, away_us)
    records = walked(down)
    times = [at for at, fields in records.events if fields["service_name"] == CALLED]
    assert not [at for at in times if dead_us <= at < dead_us + away_us]
    assert [at for at in times if at < dead_us]
    assert [at for at in times if at >= dead_us + away_us]
    ends = [span.end_us for span in records.spans if span.service == CALLED]
    assert not [end for end in ends if dead_us - 5 * SECOND_US <= end <= dead_us]
    refused = [one for one in said(records) if "refused" in one["message"]]
    assert refused
    assert all(one["service_name"] != CALLED for one in refused)


@given(st.floats(min_value=0.0, max_value=0.9), st.integers(0, 1000))
def test_lost_packets_cost_retransmission_timeouts_that_double(loss, seed):
    wire = SlowWire(Where(CALLED), ALWAYS, Wait(0, 0), loss, Draw(seed))
    assert wire._delay_us(1.0) in {200_000 * (2**count - 1) for count in range(6)}


def test_who_cannot_be_reached_hears_of_no_request():
    gone = world()
    line = parse_log_template("ERROR lookup {callee}: no such host")
    gone.add(NoWay(ALWAYS, 1.0, line, Wait(5, 0.1), Draw("gone"), callee=CALLED))
    records = walked(gone)
    assert not [one for one in said(records, CALLED) if "trace_id" in one]
    assert [one for one in said(records) if one["message"] == f"lookup {CALLED}: no such host"]


def test_hasty_calls_are_repeated():
    hasty = world()
    caller = next(name for name in sorted(SYSTEM.callers(CALLED)) if not uses_partner(SYSTEM, name))
    policy = CallPolicy(timeout_ms=1, retries=3, pause_ms=1)
    hasty.add(HastyCalls(Where(caller), ALWAYS, policy))
    calls = [
        span
        for span in walked(hasty).spans
        if span.service == caller and span.operation.startswith("HTTP")
    ]
    usual = [
        span
        for span in walked(world()).spans
        if span.service == caller and span.operation.startswith("HTTP")
    ]
    # A failed call ends the operation, so later ones are not made.
    assert len(calls) > 1.5 * len(usual)
    assert all(span.end_us - span.start_us <= 1000 for span in calls)


def test_a_roll_out_renames_replicas_and_loses_no_request():
    changed = world()
    since = roll_out(changed, SYSTEM, CALLED, BEGIN_US + 10 * SECOND_US, Draw("roll"))
    line = parse_log_template("INFO A line that is new")
    changed.add(NewLine(Where(CALLED), since, line))
    records = walked(changed)
    assert not failures(records)
    instances = {one["instance"] for one in said(records, CALLED)}
    assert len(instances) == 2 * len(since)
    first_new_us = min(
        at for at, fields in records.events if fields["message"] == "A line that is new"
    )
    assert first_new_us >= min(since.values())


def test_lines_that_are_lost_leave_their_spans():
    mute = world()
    mute.add(LostLines(Where(CALLED), ALWAYS))
    records = walked(mute)
    assert not [one for one in said(records, CALLED) if "trace_id" in one]
    assert [span for span in records.spans if span.service == CALLED]


def test_good_times_have_their_noise():
    noisy = usual_world(SYSTEM, Draw("noise"))
    records = simulate(SYSTEM, noisy, BEGIN_US, BEGIN_US + 600 * SECOND_US, 3.0, Draw("walk"))
    known = {line.partition(" ")[2].partition("{")[0] for _, line, _ in SYSTEM.ambient}
    told = [one["message"] for one in said(records)]
    assert all(any(text.startswith(begin) for text in told) for begin in known)
