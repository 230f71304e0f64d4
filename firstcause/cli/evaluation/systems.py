"""The figures of an evaluation by system: as tables for people, as JSON for programs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from rich.table import Table

from firstcause.cli.evaluation.view import print_line, wide_console
from root_cause.evaluation.intervals import Interval
from root_cause.evaluation.measure import Outcome
from root_cause.evaluation.path_figures import path_figures
from root_cause.evaluation.references import REFERENCES
from root_cause.evaluation.system_figures import FIGURES, SystemFigures, figures_of

ALL: Final = "all"


def figures_by_system(systems: Mapping[str, Sequence[Outcome]]) -> dict[str, SystemFigures]:
    """The figures of each system, and their mean as `all`, which comes last."""
    found = {name: figures_of([some]) for name, some in systems.items()}
    return {**found, ALL: figures_of(list(systems.values()))}


def print_systems(figures: Mapping[str, SystemFigures]) -> None:
    """A row a system and the mean over systems, each with its 95 % interval; then references."""
    table = Table("system")
    for name in ("cases", *FIGURES):
        table.add_column(name, justify="right")
    # Of one system, the mean is the same once more.
    shown = [name for name in figures if name != ALL or len(figures) > 2]  # noqa: PLR2004
    for name in shown:
        one = figures[name]
        cells = (_cell(one.intervals.get(figure)) for figure in FIGURES)
        table.add_row("mean" if name == ALL else name, str(one.shares.cases), *cells)
    console = wide_console()
    console.print(table)
    console.print(_references({name: figures[name] for name in shown if name != ALL}))


def print_without_normal(systems: Mapping[str, Sequence[Outcome]]) -> None:
    """Says which systems have cases without a fault-free recording, if any has."""
    lacking = [name for name, found in systems.items() if any(not one.recorded for one in found)]
    if lacking:
        print_line(f"Without a fault-free recording: {', '.join(lacking)}.")


def print_paths(systems: Mapping[str, Sequence[Outcome]]) -> None:
    """How often the right service comes first by a right path, where the true paths are known."""
    for name, found in systems.items():
        paths = path_figures(found)
        if paths is not None:
            print_line(
                f"{name}: the right service first in {paths.right_service} of {paths.cases} cases, "
                f"by a right path in {paths.right_path} ({_share(paths.right_path, paths.cases)}; "
                f"of these {_share(paths.right_path, paths.right_service)}). Hops right: "
                f"{paths.hops_right} of {paths.hops} ({_share(paths.hops_right, paths.hops)}), "
                f"shown by two ids: {paths.hops_shown}."
            )


def objects(figures: Mapping[str, SystemFigures]) -> list[dict[str, Any]]:
    """One object a system, then one for all: the fields that scripts rely on, and no other."""
    return [
        {
            "system": name,
            "cases": one.shares.cases,
            "top1": one.shares.top1,
            "top3": one.shares.top3,
            "confident_wrong": one.shares.confident_wrong,
            "inconclusive": one.shares.inconclusive,
        }
        for name, one in figures.items()
    ]


def details(
    figures: Mapping[str, SystemFigures], systems: Mapping[str, Sequence[Outcome]]
) -> dict[str, Any]:
    """What people see beside that: intervals, the references, and the causal paths."""
    found = {name: _details(one) for name, one in figures.items()}
    for name, some in systems.items():
        if (paths := path_figures(some)) is not None:
            found[name]["paths"] = asdict(paths)
    return {"details": found}


def _details(one: SystemFigures) -> dict[str, Any]:
    return {
        "intervals": {
            name.replace(",", "").replace(" ", "_"): interval._asdict()
            for name, interval in one.intervals.items()
        },
        "references": {
            name: {"top1": one.reference_top1[name], "top3": one.reference_top3[name]}
            for name in REFERENCES
        },
    }


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.1%}" if whole else "-"


def _references(figures: Mapping[str, SystemFigures]) -> Table:
    """How often each reference has the culprit first, and among three, by system."""
    table = Table("first (in first three)")
    for system in figures:
        table.add_column(system, justify="right")
    own = (f"{one.shares.top1:.1%} ({one.shares.top3:.1%})" for one in figures.values())
    table.add_row("the ranking", *own)
    for name in REFERENCES:
        cells = (
            f"{one.reference_top1[name]:.1%} ({one.reference_top3[name]:.1%})"
            if name in one.reference_top1
            # A run of before this reference was measured.
            else "-"
            for one in figures.values()
        )
        table.add_row(name, *cells)
    return table


def _cell(one: Interval | None) -> str:
    if one is None:
        return "-"
    return f"{one.share:.1%} [{one.low:.0%}-{one.high:.0%}]"
