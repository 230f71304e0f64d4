"""The one program a person runs. Each folder registers its own commands; imports stay lazy."""

from __future__ import annotations

import sys

import pydantic
import typer
from rich.console import Console
from rich.markup import escape

from firstcause.errors import FirstcauseError

app = typer.Typer(
    name="firstcause",
    help="From a flood of microservice logs to a few incidents with a root cause.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _assemble() -> None:
    from firstcause.cli import demo, history, migrate, services
    from generators import commands as generator_commands
    from log_analyzer import commands as analyzer_commands

    for module in (services, demo, migrate, history, generator_commands, analyzer_commands):
        module.register(app)


def main() -> None:
    """Runs the command line. Exit code 0 only on success, 2 on bad usage, 1 on an error."""
    _assemble()
    complaint = Console(stderr=True, highlight=False, soft_wrap=True)
    try:
        app()
    except FirstcauseError as error:
        complaint.print(f"[bold red]firstcause:[/] {escape(str(error))}")
        sys.exit(1)
    except pydantic.ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"]).upper()
        complaint.print(f"[bold red]firstcause:[/] setting {name}: {first['msg']}")
        sys.exit(2)
    except KeyboardInterrupt:
        complaint.print("stopped")
        sys.exit(130)


if __name__ == "__main__":
    main()
