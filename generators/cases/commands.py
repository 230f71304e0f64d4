"""The command `firstcause generate-cases`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def generate_cases(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="New or empty folder.")],
    count: Annotated[int, typer.Option(help="Cases.", min=1)] = 200,
    seed: Annotated[int, typer.Option(help="Same count and seed, same files.", min=0)] = 0,
    style: Annotated[
        str,
        typer.Option(help="plain, boundaries, untraced, flooded, slow or aliases: how they log."),
    ] = "plain",
    no_recording: Annotated[
        bool, typer.Option("--no-recording", help="No fault-free recordings, as on a first day.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
) -> None:
    """Write labelled fault cases of simulated systems: logs, spans, and who was at fault."""
    import dataclasses

    import orjson
    from rich.console import Console
    from rich.progress import Progress

    from generators.cases.files import write_cases

    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("writing", total=count)
        written = write_cases(
            folder,
            count,
            seed,
            style=style,
            with_recordings=not no_recording,
            on_case=lambda: progress.advance(task),
        )
    result = {**dataclasses.asdict(written), "folder": str(folder)}
    if as_json:
        typer.echo(orjson.dumps(result).decode())
        return
    for name, value in result.items():
        typer.echo(f"{name}: {value}")
