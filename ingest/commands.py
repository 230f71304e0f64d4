"""`firstcause ingest try`: what the records of a source become, without any service."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Read records of other formats into log events.")


def register(program: typer.Typer) -> None:
    """Adds the commands of this folder to the program."""
    program.add_typer(app, name="ingest")


@app.callback(invoke_without_command=True)
def ingest(context: typer.Context) -> None:
    """Run the service: it reads the topics of sources.yaml and what comes by HTTP (OTLP, lines)."""
    if context.invoked_subcommand is not None:
        return
    from firstcause.settings import load_settings
    from ingest.process import run_ingest

    run_ingest(load_settings())


@app.command()
def formats() -> None:
    """List the formats that a source may have."""
    from ingest.formats import FORMAT_NAMES

    for name in sorted(FORMAT_NAMES):
        typer.echo(name)


@app.command("try")
def try_file(
    file: Annotated[Path, typer.Argument(help="A file with a record a line (.gz too).")],
    format_name: Annotated[
        str, typer.Option("--format", help="The format; auto: guessed by record.")
    ] = "auto",
    service: Annotated[
        str | None, typer.Option(help="The service of records that name none.")
    ] = None,
) -> None:
    """Print the log events that a file's records would become, one JSON object a line.

    What could not be read, and what `auto` guessed, is told on the error output.
    """
    import sys
    import time

    import orjson

    from ingest.file_trial import Trial, log_events

    trial = Trial()
    for event in log_events(file, format_name, time.time_ns() // 1_000_000, service, trial):
        sys.stdout.buffer.write(orjson.dumps(event) + b"\n")
    sys.stdout.flush()
    for number, reason in trial.unreadable:
        typer.echo(f"{file}:{number}: not readable: {reason}", err=True)
    formats = ", ".join(f"{count} as {name}" for name, count in trial.formats.most_common())
    typer.echo(
        f"{trial.events} log events; records read: {formats or 'none'}; "
        f"not readable: {len(trial.unreadable)}",
        err=True,
    )
