"""Measures and prints how often a service is named although nothing is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import orjson
from rich.table import Table

from firstcause.cli.evaluation.view import print_line, wide_console
from generators.cases.null_traffic import NULL_ROWS, null_pairs
from root_cause.evaluation.measure import Conditions, fault_free_recordings
from root_cause.evaluation.noise import NoiseRanking, fault_free_pairs, ranked


def print_noise(
    systems: Mapping[str, Path], conditions: Conditions, count: int, *, as_json: bool
) -> None:
    """Ranks pairs of fault-free stretches of each system against each other."""
    rows = {
        name: list(ranked(fault_free_pairs(found, count, conditions.seed)))
        for name, folder in systems.items()
        if (found := fault_free_recordings(folder, conditions))
    }
    _print(rows, "fault-free stretches of", as_json=as_json)


def print_null(count: int, seed: int, *, as_json: bool) -> None:
    """Ranks simulated traffic in which nothing is wrong, so many runs of each kind."""
    rows = {row.name: list(ranked(null_pairs(row, count, seed))) for row in NULL_ROWS}
    _print(rows, "simulation", as_json=as_json)


def _print(rows: Mapping[str, list[NoiseRanking]], head: str, *, as_json: bool) -> None:
    table = Table(head)
    for name in ("pairs", "nobody named", "top score, median", "highest"):
        table.add_column(name, justify="right")
    for name, found in rows.items():
        scores = sorted(one.score for one in found)
        table.add_row(
            name,
            str(len(found)),
            f"{_unnamed(found):.1%}",
            f"{scores[len(scores) // 2]:.2f}",
            f"{scores[-1]:.2f}",
        )
        for one in found:
            if one.culprit is not None:
                print_line(f"{name}, {one.says}: names {one.culprit}, score {one.score:.2f}")
    wide_console().print(table)
    if as_json:
        for name, found in rows.items():
            row = {"system": name, "pairs": len(found), "unnamed": _unnamed(found)}
            print(orjson.dumps(row).decode())  # noqa: T201


def _unnamed(found: Iterable[NoiseRanking]) -> float:
    named = [one.culprit is not None for one in found]
    return 1 - sum(named) / len(named) if named else 1.0
