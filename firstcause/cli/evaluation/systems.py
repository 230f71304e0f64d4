"""The figures of an evaluation by system: as tables for people, as JSON for programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from rich.table import Table

from firstcause.cli.evaluation.view import print_line, wide_console
from root_cause.evaluation.intervals import Interval, interval_of
from root_cause.evaluation.measure import Outcome, Shares, mean_shares, shares
from root_cause.evaluation.references import REFERENCES, share_within

ALL: Final = "all"
_FIRST_THREE: Final = 3

Systems = Mapping[str, Sequence[Outcome]]

# Each figure with its hits and its cases in one system.
_COUNTED: Final[Mapping[str, Callable[[Sequence[Outcome]], tuple[int, int]]]] = {
    "first": lambda found: _count(_faulty(found), lambda one: one.is_first),
    "in first three": lambda found: _count(_faulty(found), lambda one: one.is_in_three),
    "confident, wrong": lambda found: _count(found, lambda one: one.is_confident_wrong),
    "right of named": lambda found: _count(
        [one for one in found if one.is_named], lambda one: not one.is_confident_wrong
    ),
    "inconclusive": lambda found: _count(_faulty(found), lambda one: not one.is_named),
}


def print_systems(systems: Systems) -> None:
    """A row a system and the mean over systems, each with its 95 % interval; then references."""
    table = Table("system")
    for name in ("cases", *_COUNTED):
        table.add_column(name, justify="right")
    for system, found in systems.items():
        table.add_row(system, str(len(found)), *(_cell(one) for one in intervals([found]).values()))
    if len(systems) > 1:
        cells = (_cell(one) for one in intervals(list(systems.values())).values())
        table.add_row("mean", str(sum(map(len, systems.values()))), *cells)
    console = wide_console()
    console.print(table)
    console.print(_references(systems))
    without = [name for name, found in systems.items() if any(_lacks_normal(one) for one in found)]
    if without:
        print_line(f"Without a fault-free recording: {', '.join(without)}.")


def intervals(systems: Sequence[Sequence[Outcome]]) -> dict[str, Interval]:
    """Each figure as the mean over systems, with its 95 % bootstrap interval."""
    return {
        name: interval_of([count(found) for found in systems]) for name, count in _COUNTED.items()
    }


def figures(systems: Systems) -> list[dict[str, Any]]:
    """One object a system, then one for all, as DESIGN and scripts expect them."""
    by_system = {name: shares(found) for name, found in systems.items()}
    rows = [_object(name, some) for name, some in by_system.items()]
    return [*rows, _object(ALL, mean_shares(list(by_system.values())))]


def details(systems: Systems) -> dict[str, Any]:
    """What people see beside the figures: intervals, references, right among those named."""
    found = {name: _details([some]) for name, some in systems.items()}
    return {"details": {**found, ALL: _details(list(systems.values()))}}


def _object(system: str, some: Shares) -> dict[str, Any]:
    return {
        "system": system,
        "cases": some.cases,
        "top1": some.top1,
        "top3": some.top3,
        "confident_wrong": some.confident_wrong,
        "inconclusive": some.inconclusive,
    }


def _details(systems: Sequence[Sequence[Outcome]]) -> dict[str, Any]:
    measured = {
        name.replace(", ", "_").replace(" ", "_"): {"share": share, "low": low, "high": high}
        for name, (share, low, high) in intervals(systems).items()
    }
    return {
        "intervals": measured,
        "references": {
            name: {
                "top1": _mean([_within(found, name, 1) for found in systems]),
                "top3": _mean([_within(found, name, _FIRST_THREE) for found in systems]),
            }
            for name in REFERENCES
        },
    }


def _references(systems: Systems) -> Table:
    """How often each reference has the culprit first, and among three, by system."""
    table = Table("first (in first three)")
    for system in systems:
        table.add_column(system, justify="right")
    measured = {name: shares(found) for name, found in systems.items()}
    table.add_row("the ranking", *(f"{one.top1:.1%} ({one.top3:.1%})" for one in measured.values()))
    for name in REFERENCES:
        table.add_row(
            name,
            *(
                f"{_within(found, name, 1):.1%} ({_within(found, name, _FIRST_THREE):.1%})"
                for found in systems.values()
            ),
        )
    return table


def _within(found: Sequence[Outcome], reference: str, most: int) -> float:
    return share_within((one.references.get(reference) for one in _faulty(found)), most)


def _faulty(found: Sequence[Outcome]) -> list[Outcome]:
    return [one for one in found if one.case.culprit is not None]


def _count(found: Sequence[Outcome], holds: Callable[[Outcome], bool]) -> tuple[int, int]:
    return sum(map(holds, found)), len(found)


def _cell(one: Interval) -> str:
    return f"{one.share:.1%} [{one.low:.0%}-{one.high:.0%}]"


def _mean(found: Sequence[float]) -> float:
    return sum(found) / len(found) if found else 0.0


def _lacks_normal(one: Outcome) -> bool:
    return one.case.recording is None
