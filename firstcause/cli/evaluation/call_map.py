"""Lays out the services of a call graph for a picture: callers left, callees right. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from root_cause.explanation.case_story import Call


@dataclass(frozen=True, slots=True)
class Lane:
    """Room for a call in a column that it crosses."""

    call: Call
    column: int


Slot = str | Lane


def columns_of(
    calls: Collection[Call], services: Iterable[str], routed: Iterable[Call] = ()
) -> list[list[Slot]]:
    """The services in columns, so that calls lead to the right, except in cycles.

    A call of `routed` has a lane of its own in each column that it crosses. Within a column,
    services stand near to those that call them. Names decide between equals, so equal input gives
    equal columns. A service without calls stands in the first.
    """
    names = sorted({*services, *(name for call in calls for name in call)})
    callees: dict[str, list[str]] = defaultdict(list)
    callers: dict[str, list[str]] = defaultdict(list)
    for caller, callee in sorted(calls):
        callees[caller].append(callee)
        callers[callee].append(caller)
    depth = _depths(names, callees, callers)
    lanes = [
        Lane(call, column)
        for call in sorted(routed)
        for column in range(depth[call[0]] + 1, depth[call[1]])
    ]
    columns: list[list[Slot]] = []
    place: dict[Slot, float] = {}
    for column in range(max(depth.values(), default=-1) + 1):
        found: list[Slot] = [name for name in names if depth[name] == column]
        found += [lane for lane in lanes if lane.column == column]
        near = {
            slot: _mean([place[one] for one in _before(slot, callers) if one in place])
            for slot in found
        }
        found.sort(key=lambda slot: (near[slot], str(slot)))
        place |= {name: (row + 0.5) / len(found) for row, name in enumerate(found)}
        columns.append(found)
    return columns


def _depths(
    names: list[str], callees: dict[str, list[str]], callers: dict[str, list[str]]
) -> dict[str, int]:
    """The most calls on a way from a service that nobody calls; a call back is left out."""
    after: list[str] = []
    back: set[Call] = set()
    state: dict[str, bool] = {}

    def visit(name: str) -> None:
        state[name] = False
        for callee in callees[name]:
            if callee not in state:
                visit(callee)
            elif not state[callee]:
                back.add((name, callee))
        state[name] = True
        after.append(name)

    for name in [*(name for name in names if not callers[name]), *names]:
        if name not in state:
            visit(name)
    depth = dict.fromkeys(names, 0)
    for name in reversed(after):
        for callee in callees[name]:
            if (name, callee) not in back:
                depth[callee] = max(depth[callee], depth[name] + 1)
    return depth


def _before(slot: Slot, callers: dict[str, list[str]]) -> list[str]:
    return callers[slot] if isinstance(slot, str) else [slot.call[0]]


def _mean(places: list[float]) -> float:
    return sum(places) / len(places) if places else 0.5
