"""The `firstcause` program. Each folder registers its commands; imports stay lazy."""

from __future__ import annotations

import typer

from firstcause.error_exit import run
from firstcause.errors import FirstcauseError
from firstcause.settings import PROJECT_ROOT

app = typer.Typer(
    name="firstcause",
    help="From a flood of microservice logs to a few incidents with a root cause.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback(help=app.info.help)
def prepare() -> None:
    """Every command needs folders beside the packages, such as `deploy`: a checkout.

    Until a command configures its logs, a person is told of no retries.
    """
    from firstcause.structured_logging import tell_no_retries

    tell_no_retries()
    if not (PROJECT_ROOT / "deploy").is_dir():
        raise FirstcauseError(
            f"{PROJECT_ROOT} is not a checkout of firstcause: clone the repository and run "
            "`make install` there, or `pip install --editable` it."
        )


def _assemble() -> None:
    from firstcause.cli import api, demo, history, keys, mcp, migrate, normal, services, spans
    from firstcause.cli.alerting import alerts, objectives, rules
    from firstcause.cli.evaluation import evaluate, evaluations
    from generators import commands as generator_commands
    from ingest import commands as ingest_commands
    from log_analyzer.commands import analyzer as analyzer_commands
    from search.commands import search as search_commands

    for module in (
        services,
        demo,
        migrate,
        history,
        keys,
        api,
        mcp,
        alerts,
        rules,
        objectives,
        spans,
        evaluate,
        evaluations,
        normal,
        generator_commands,
        ingest_commands,
        analyzer_commands,
        search_commands,
    ):
        module.register(app)


def main() -> None:
    """Runs the command line. Exit code 0 only on success, 2 on bad usage, 1 on an error."""
    _assemble()
    run(app)


if __name__ == "__main__":
    main()
