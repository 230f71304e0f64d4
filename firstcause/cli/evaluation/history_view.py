"""Prints the history of evaluations."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from firstcause.cli.evaluation.systems import ALL, print_systems
from firstcause.cli.evaluation.view import print_line, share_cells, share_table, wide_console
from firstcause.evaluations.run import EvaluatedRun, worsenings
from root_cause.evaluation.system_figures import SystemFigures


def print_runs(pairs: Sequence[tuple[EvaluatedRun, EvaluatedRun | None]]) -> None:
    """Runs with those before of the same cases, the newest first."""
    if not pairs:
        print_line("No runs yet: trigger the DAG evaluate_root_cause.")
        return
    table = Table("when (UTC)", "cases", "code", box=None)
    for name in ("first", "first 3", "wrong", "unsure"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for run, before in pairs:
        total = run.total
        figures = (
            ("-", "-", "-", "-")
            if total is None
            else tuple(
                f"{share:.1%}"
                for share in (total.top1, total.top3, total.confident_wrong, total.inconclusive)
            )
        )
        table.add_row(
            f"{run.evaluated_at:%Y-%m-%d %H:%M}",
            Text(str(run.choice)),
            _code(run),
            *figures,
            _verdict(run, before),
        )
    wide_console().print(table)
    print_line("wrong: confident and wrong. unsure: inconclusive.")
    print_line(f"By type of fault: firstcause evaluations {pairs[0][0].run_id}")


def print_run(run: EvaluatedRun, before: EvaluatedRun | None) -> None:
    """One run by type of fault, and what is worse than in the run before."""
    print_line(f"Run {run.run_id} of {run.evaluated_at:%Y-%m-%d %H:%M} UTC, {_code(run)}.")
    print_line(f"Cases: {run.choice}.")
    if run.total is None:
        print_line(f"It failed: {run.error}")
        return
    table = share_table("fault")
    for name, some in sorted(run.by_fault.items(), key=lambda item: item[0].strip("(")):
        table.add_row(name, *share_cells(some))
    table.add_row("all", *share_cells(run.total))
    wide_console().print(table)
    if run.by_system:
        print_systems({**run.by_system, ALL: SystemFigures(run.total)})
    if before is None:
        print_line("The first run of these cases.")
        return
    told = worsenings(before, run) or ("No worse.",)
    print_line(f"Beside the run of {before.evaluated_at:%Y-%m-%d %H:%M} UTC: {' '.join(told)}")


def _code(run: EvaluatedRun) -> str:
    return " ".join(part for part in (run.version.package, run.version.commit) if part)


def _verdict(run: EvaluatedRun, before: EvaluatedRun | None) -> Text:
    if run.total is None:
        return Text("failed", style="bold red")
    if before is None:
        return Text("first run", style="dim")
    return Text("worse", style="bold red") if worsenings(before, run) else Text("")
