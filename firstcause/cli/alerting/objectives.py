"""`firstcause objectives`: error budgets and burn rates in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from firstcause.text.printable import printable

if TYPE_CHECKING:
    from alerting.objectives.burn_rate import ObjectiveStatus

_STYLES = {"page": "bold red", "ticket": "yellow"}
_FEW = "-"


def register(app: typer.Typer) -> None:
    """Adds the command `objectives`."""
    objectives = typer.Typer(
        help="Objectives: what is left of their error budgets, and how fast they burn.",
        invoke_without_command=True,
    )
    app.add_typer(objectives, name="objectives")

    @objectives.callback()
    def show(
        context: typer.Context,
        service: Annotated[str | None, typer.Option(help="Only of this service.")] = None,
        as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    ) -> None:
        """Show each objective by service, as the analyzer has measured it last.

        A burn rate is how fast the budget goes: at 1 it lasts exactly for the objective's time.
        """
        from firstcause.alerts.objective_statuses import ObjectiveStatusStore
        from firstcause.settings import load_settings
        from firstcause.storage import cassandra

        if context.invoked_subcommand is not None:
            return
        with cassandra.session(load_settings()) as session:
            found = ObjectiveStatusStore(session).latest()
        _print([one for one in found if service in {None, one.service_name}], as_json=as_json)

    @objectives.command()
    def check(
        path: Annotated[
            Path | None,
            typer.Argument(help="A file of objectives; OBJECTIVES.", show_default=False),
        ] = None,
    ) -> None:
        """Check a file of objectives. A mistake is named by its line, with exit code 1."""
        from firstcause.alerts.objectives_file import load_objectives
        from firstcause.errors import FirstcauseError
        from firstcause.settings import load_settings

        file = path or load_settings().objectives
        if not file.exists():
            raise FirstcauseError(f"{file}: there is no such file, and so no objective.")
        for one in load_objectives(file):
            days = one.window_ms / 86_400_000
            typer.echo(f"{one.name} of {one.spec.service}: {one.title} over {days:g} d")


def _print(statuses: list[ObjectiveStatus], *, as_json: bool) -> None:
    import orjson
    from rich.console import Console
    from rich.table import Table

    from alerting.objectives.burn_rate import BURN_WINDOWS_MS
    from firstcause.text.event_time import iso

    if as_json:
        for one in statuses:
            typer.echo(orjson.dumps(as_object(one)).decode())
        return
    if not statuses:
        typer.echo("No objective was measured within the last three days.", err=True)
        return
    table = Table("objective", "service", "target", "good", "budget left", box=None, pad_edge=False)
    for name in BURN_WINDOWS_MS:
        table.add_column(name, justify="right")
    table.add_column("alert")
    table.add_column("as of (UTC)")
    for one in statuses:
        urgency = one.urgency
        name = "" if urgency is None else urgency.name
        table.add_row(
            one.objective,
            printable(one.service_name),
            one.title,
            _percent(one.good_share),
            _percent(one.budget_left),
            *(_rate(one.burn_rates.get(window)) for window in BURN_WINDOWS_MS),
            name,
            iso(one.at_ms)[:16].replace("T", " "),
            style=_STYLES.get(name, ""),
        )
    Console(soft_wrap=True, highlight=False).print(table)


def _percent(share: float | None) -> str:
    return _FEW if share is None else f"{share:.2%}"


def _rate(rate: float | None) -> str:
    return _FEW if rate is None else f"{rate:.3g}"


def as_object(status: ObjectiveStatus) -> dict[str, Any]:
    """The status as `--json` prints it."""
    from firstcause.text.event_time import iso

    return {
        "objective": status.objective,
        "service_name": status.service_name,
        "title": status.title,
        "target": status.target,
        "window_seconds": status.window_ms // 1_000,
        "at": iso(status.at_ms),
        "bad": status.bad,
        "total": status.total,
        "good_share": status.good_share,
        "budget_left": status.budget_left,
        "burn_rates": dict(status.burn_rates),
        "alert": None if status.urgency is None else status.urgency.name,
    }
