"""Simulates a system over a time: requests arrive, services log, faults act."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Final

from firstcause.events.log_event import ERROR_LEVELS
from generators.cases.draw import Draw
from generators.cases.simulation.condition import Course, Where
from generators.cases.simulation.effects import Hiccups, StepTrouble, Wait
from generators.cases.simulation.records import Records
from generators.cases.simulation.speaker import Speaker
from generators.cases.simulation.walk import CaseWalk
from generators.cases.simulation.world import LoneLine, World
from generators.cases.system.model import CaseSystem
from generators.log_template import parse_log_template
from generators.topology import OperationRef

SECOND_US: Final = 1_000_000
# How often a service says each of its background lines, a minute.
BACKGROUND_A_MINUTE: Final = 0.4
_SAMPLE_REQUESTS: Final = 150


def usual_world(system: CaseSystem, draw: Draw) -> World:
    """A world with the noise of good times: hiccups, and errors that nobody minds."""
    world = World(system, draw)
    always = Course(0, 2**62)
    world.add(Hiccups(0.002, Wait(350, 0.7), draw))
    for ref, line, share in system.ambient:
        where = Where(ref.service, frozenset({ref.operation}))
        world.add(StepTrouble(where, always, share, draw, said=(parse_log_template(line),)))
    return world


def simulate(
    system: CaseSystem,
    world: World,
    begin_us: int,
    end_us: int,
    requests_per_second: float,
    draw: Draw,
) -> Records:
    """What the system leaves behind between two times (us since the epoch), oldest first."""
    records = Records()
    walk = CaseWalk(system, world, records, draw)
    for at_us, entry in _arrivals(system, world, begin_us, end_us, requests_per_second, draw):
        walk.request(entry, at_us)
    _say_lone_lines(system, world, records, begin_us, end_us, draw)
    for service, replicas in world.replicas.items():
        for number, replica in enumerate(replicas):
            for dead_us, _ in replica.outages:
                records.lose_unsent_spans(world.instance(service, number, dead_us), dead_us)
    return records.between(begin_us, end_us)


def events_a_request(system: CaseSystem) -> float:
    """How many events a request leaves on average, by a sample of healthy ones."""
    draw = Draw(f"sample {system.number}")
    records = Records()
    walk = CaseWalk(system, World(system, draw), records, draw)
    entries = system.topology.entries
    for entry in draw.choices(list(entries), list(entries.values()), k=_SAMPLE_REQUESTS):
        walk.request(entry, SECOND_US)
    return len(records.events) / _SAMPLE_REQUESTS


def _arrivals(
    system: CaseSystem,
    world: World,
    begin_us: int,
    end_us: int,
    requests_per_second: float,
    draw: Draw,
) -> Iterator[tuple[int, OperationRef]]:
    """Requests come independently of one another (a Poisson process) at the rate of the time."""
    usual = {entry: weight * world.mix[entry] for entry, weight in system.topology.entries.items()}
    total = sum(system.topology.entries.values())
    at_us = begin_us
    while True:
        weights = dict(usual)
        for change in world.traffic_changes:
            if at_us >= change.start_us:
                weights.update({ref: weights[ref] * change.factor for ref in change.entries})
        rate = requests_per_second * world.traffic * sum(weights.values()) / total
        at_us += int(draw.expovariate(rate) * SECOND_US) + 1
        if at_us >= end_us:
            return
        yield at_us, draw.choices(list(weights), list(weights.values()))[0]


def _say_lone_lines(
    system: CaseSystem,
    world: World,
    records: Records,
    begin_us: int,
    end_us: int,
    draw: Draw,
) -> None:
    speaker = Speaker(system, records, draw)
    usual = [
        (name, template, BACKGROUND_A_MINUTE)
        for name, service in system.topology.services.items()
        for template in service.background
    ] + [(name, parse_log_template(line), rate) for name, line, rate in system.ambient_alone]
    lines = list(world.lone_lines)
    for name, template, a_minute in usual:
        at_us: float = begin_us
        while (at_us := at_us + draw.expovariate(a_minute / 60) * SECOND_US) < end_us:
            replica = draw.randrange(len(world.replicas[name]))
            lines.append(LoneLine(int(at_us), name, replica, template, "Runtime"))
    for line in lines:
        replica_of = world.replicas[line.service][line.replica]
        if any(dead <= line.at_us < back for dead, back in replica_of.outages):
            continue
        instance = world.instance(line.service, line.replica, line.at_us)
        speaker.say_alone(line.at_us, line.service, instance, line.template, line.logger)


def error_services(records: Records, since_us: int) -> list[str]:
    """The service of each ERROR or FATAL event from a time on."""
    late = itertools.dropwhile(lambda event: event[0] < since_us, records.events)
    return [fields["service_name"] for _, fields in late if fields["level"] in ERROR_LEVELS]
