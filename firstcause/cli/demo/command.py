"""The command `demo`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from firstcause.errors import FirstcauseError


def register(app: typer.Typer) -> None:
    """Adds the command `demo`."""

    @app.command()
    def demo(
        input_file: Annotated[
            Path | None,
            typer.Option("--input", help="Replay this JSON Lines file (.gz too) instead."),
        ] = None,
        keep: Annotated[
            bool, typer.Option("--keep/--no-keep", help="Leave the services running at the end.")
        ] = True,
    ) -> None:
        """Everything from nothing: services, streams, a fault, the incident that it makes.

        Ends by itself. Exit code 0 only when the incident was seen and no event was lost.
        """
        from rich.console import Console

        from firstcause.cli.demo.early_drivers import early_drivers
        from firstcause.cli.demo.run import run_demo
        from firstcause.cli.demo.screen import show_outcome
        from firstcause.cli.services import start_services, stop_services
        from firstcause.settings import load_settings

        console = Console(highlight=False)
        if not console.is_terminal:
            console = Console(highlight=False, width=110)
        settings = load_settings()
        if input_file is not None and not input_file.is_file():
            raise FirstcauseError(f"There is no file {input_file}.")
        try:
            console.rule("Services")
            start_services(settings, more=[early_drivers(settings)])
            outcome = run_demo(settings, input_file, console)
            show_outcome(settings, outcome, console, kept=keep)
            if not outcome.passed:
                raise FirstcauseError(outcome.complaint)
        finally:
            if not keep:
                stop_services(settings)
