"""`firstcause incidents`: lists incidents and shows one in full."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from log_analyzer.commands import human_actions

if TYPE_CHECKING:
    from rich.console import Console

    from firstcause.incidents.view import IncidentView
    from log_analyzer.incident_history.reader import IncidentReader

_SHOW = "show"

AsJson = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


class _IncidentOrCommand(TyperGroup):
    """A word that is none of the commands is an incident: it is shown."""

    # Typer brings a click of its own, under a private name.
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """The command that the words name, and the words that are left for it."""
        if args and args[0] not in self.commands:
            args = [_SHOW, *args]
        return super().resolve_command(ctx, args)


def register(app: typer.Typer) -> None:
    """Adds `incidents` and the commands below it to the program."""
    group = typer.Typer(cls=_IncidentOrCommand)
    group.callback(invoke_without_command=True)(incidents)
    group.command(_SHOW)(show)
    human_actions.register(group)
    app.add_typer(group, name="incidents")


def incidents(
    context: typer.Context,
    since: Annotated[
        str, typer.Option(help="Opened since: 24h, 7d, or an RFC 3339 time; 'all' for all.")
    ] = "all",
    service: Annotated[str | None, typer.Option(help="Only those that touch this service.")] = None,
    status: Annotated[str | None, typer.Option(help="open or resolved.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at the most.")] = 50,
    merged: Annotated[
        bool, typer.Option("--all", help="Also those that were merged into another.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show incidents, newest first; `incidents INCIDENT` shows one in full."""
    from datetime import UTC, datetime
    from itertools import islice

    from firstcause.text.typed_time import parse_since
    from log_analyzer.notify.preview.terminal import incidents_table

    if context.invoked_subcommand is not None:
        return
    if status not in (None, "open", "resolved"):
        raise typer.BadParameter("open or resolved", param_hint="--status")
    try:
        start = parse_since(since, datetime.now(UTC))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--since") from error
    with _reader() as reader:
        found = (
            one
            for one in reader.since(start, merged=merged)
            if (service is None or service in one.services)
            and (status is None or status == one.status)
        )
        views = list(islice(found, limit))
    if as_json:
        _print_json(views)
    elif views:
        _console().print(incidents_table(views))
    else:
        _console().print("No incidents.")


def show(
    context: typer.Context,
    incident: Annotated[str, typer.Argument(help="The incident's id, or how it begins.")],
    as_json: AsJson = False,
) -> None:
    """Show one incident with its evidence and analyses; the word `show` may be left out."""
    from firstcause.errors import FirstcauseError
    from firstcause.settings import load_settings
    from log_analyzer.notify.preview.terminal import incident_detail

    wanted = human_actions.incident_id(incident)
    with _reader() as reader:
        view = reader.read(wanted)
    if view is None:
        raise FirstcauseError(f"There is no incident {wanted}: see `firstcause incidents`.")
    if as_json or (context.parent is not None and context.parent.params.get("as_json")):
        _print_json([view])
        return
    with_model = load_settings().mistral_api_key is not None
    _console().print(incident_detail(view, model_configured=with_model))


@contextmanager
def _reader() -> Iterator[IncidentReader]:
    from firstcause.settings import load_settings
    from firstcause.storage import cassandra
    from log_analyzer.incident_history.reader import IncidentReader

    with cassandra.session(load_settings()) as session:
        yield IncidentReader(session)


def _print_json(views: list[IncidentView]) -> None:
    import sys

    import orjson

    from firstcause.settings import load_settings
    from log_analyzer.report.deterministic import incident_json

    with_model = load_settings().mistral_api_key is not None
    for one in views:
        line = orjson.dumps(incident_json(one, model_configured=with_model))
        sys.stdout.buffer.write(line + b"\n")
    sys.stdout.flush()


def _console() -> Console:
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=120)
