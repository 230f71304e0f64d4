"""Harmless changes that look suspicious: red herrings."""

from __future__ import annotations

from typing import Final

from generators.cases.draw import Draw
from generators.cases.faults.deployment import SECOND_US, roll_out
from generators.cases.simulation.condition import Course, Where
from generators.cases.simulation.effects import NewLine, SlowWork
from generators.cases.simulation.world import TrafficChange, World
from generators.cases.system.model import CaseSystem
from generators.log_template import parse_log_template

KINDS: Final = ("new_line", "other_words", "more_traffic", "a_bit_slower", "restart_alone")

_NEW_LINES: Final = (
    "INFO Feature flag checkout-v2 is on for {user_id}",
    "INFO Using rule set {quantity} for {order_id}",
    "WARN Field legacy_id is deprecated, used by {user_id}",
    "INFO Trace sampling decided in {short_ms} ms",
    "WARN Cache warm-up not finished, {rows} entries so far",
)


def add_harmless_change(
    world: World, system: CaseSystem, kind: str, service: str, at_us: int, draw: Draw
) -> None:
    """Lets a harmless change happen in a service at a time (us since the epoch).

    `kind` is one of `KINDS`. All but more traffic come with a new version.
    """
    if kind == "more_traffic":
        entries = [
            entry
            for entry in system.topology.entries
            if any(ref.service == service for ref in system.topology.reachable(entry))
        ]
        # A campaign sends people to one or two pages, not to all.
        chosen = frozenset(draw.sample(sorted(entries), min(len(entries), draw.randint(1, 2))))
        world.traffic_changes.append(TrafficChange(at_us, chosen, draw.uniform(2, 3.5)))
        return
    since_us = roll_out(world, system, service, at_us, draw)
    where = Where(service)
    if kind == "new_line":
        world.add(NewLine(where, since_us, parse_log_template(draw.choice(_NEW_LINES))))
    elif kind == "other_words":
        said = [
            step.log[0]
            for operation in system.topology.services[service].operations.values()
            for step in operation.steps
            if step.log
        ] or [system.topology.services[service].received[0]]
        old = draw.choice(said)
        new = parse_log_template(f"{old.level} v2: {old.text}")
        world.add(NewLine(where, since_us, new, in_place_of=old))
    elif kind == "a_bit_slower":
        course = Course(at_us, at_us + 3600 * SECOND_US)
        world.add(SlowWork(where, course, draw.uniform(1.1, 1.3), draw, sigma=0.05))
