"""Rolls a new version out, replica by replica."""

from __future__ import annotations

from generators.cases.draw import Draw
from generators.cases.simulation.world import LoneLine, World, instance_name
from generators.cases.system.model import CaseSystem
from generators.log_template import parse_log_template

SECOND_US = 1_000_000

_STOPPING = parse_log_template("INFO Graceful shutdown: no new requests are taken")
_STARTED = (
    parse_log_template("INFO Started, listening on port 8080"),
    parse_log_template("INFO Connected to the configuration server, profile production"),
)


def roll_out(
    world: World, system: CaseSystem, service: str, start_us: int, draw: Draw
) -> dict[int, int]:
    """Replaces all replicas of a service, one after the other; no request is lost.

    Returns:
        By replica, since when (us since the epoch) it runs the new version.
    """
    since: dict[int, int] = {}
    at_us = start_us
    for number, replica in enumerate(world.replicas[service]):
        since[number] = at_us
        old = LoneLine(at_us - draw.randint(1, 3) * SECOND_US, service, number, _STOPPING)
        replica.names.append((at_us, instance_name(service, draw)))
        world.lone_lines.append(old)
        world.lone_lines += [LoneLine(at_us, service, number, line) for line in _STARTED]
        at_us += int(draw.uniform(4, 15) * SECOND_US)
    return since


def restart(world: World, service: str, replica: int, dead_us: int, away_us: int) -> None:
    """A replica is dead from a time on and comes back later, under its old name."""
    world.replicas[service][replica].outages.append((dead_us, dead_us + away_us))
    world.lone_lines += [
        LoneLine(dead_us + away_us + 1, service, replica, line) for line in _STARTED
    ]
