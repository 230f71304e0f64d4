"""Prints the reliability of scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.table import Table

from firstcause.cli.evaluation.view import print_line, wide_console
from root_cause.evaluation.measure import Outcome
from root_cause.evaluation.reliability import (
    CurvePoint,
    FirstSuspect,
    bound_of,
    curve,
    first_suspect,
    left_out,
    point,
)
from root_cause.ranking.ranker import STANDS_OUT


def print_reliability(systems: Mapping[str, Sequence[Outcome]]) -> None:
    """The share right at each score and above, by system; then each system by the others' bound."""
    found = {
        name: [first_suspect(one.ranking, one.case.culprit) for one in some]
        for name, some in systems.items()
    }
    together = [one for some in found.values() for one in some]
    table = Table("score from")
    for name in (*found, "together"):
        table.add_column(name, justify="right")
    for at in curve(together, STANDS_OUT):
        points = [point(some, at.score, STANDS_OUT) for some in (*found.values(), together)]
        table.add_row(f"{at.score:.2f}", *(_cell(one) for one in points))
    wide_console().print(table)
    bound = bound_of(found.values(), STANDS_OUT)
    print_line(f"The bound of all systems: {'none' if bound is None else f'{bound:.2f}'}.")
    for name, left in left_out(found, STANDS_OUT).items():
        print_line(f"{name} by the bound of the others: {_told(left, found[name])}.")


def _cell(one: CurvePoint) -> str:
    return f"{one.right} of {one.named} ({one.share_right:.0%})" if one.named else "-"


def _told(left: CurvePoint | None, own: Sequence[FirstSuspect]) -> str:
    if left is None:
        return "they give none"
    return (
        f"from {left.score:.2f} on {left.named} of {len(own)} are named, {left.right} rightly "
        f"({left.share_right:.1%}); {left.share_wrong:.1%} of all are confident and wrong"
    )
