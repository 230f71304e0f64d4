"""`firstcause rules`: alert rules checked, tested, and run over what is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the commands `rules check` and `rules test`."""
    rules = typer.Typer(help="Alert rules: check and test them.", no_args_is_help=True)
    app.add_typer(rules, name="rules")

    @rules.command()
    def check(
        path: Annotated[
            Path | None, typer.Argument(help="A file of rules; ALERT_RULES.", show_default=False)
        ] = None,
    ) -> None:
        """Check a file of rules. A mistake is named by its line, with exit code 1."""
        from firstcause.alerts.rules_file import load_rules
        from firstcause.settings import load_settings

        file = path or load_settings().alert_rules
        found = load_rules(file)
        shadow = sum(rule.mode == "shadow" for rule in found.rules)
        typer.echo(
            f"{file}: {len(found.rules)} rules, {shadow} of them in the shadow, "
            f"{len(found.maintenance)} maintenances"
        )

    @rules.command(name="test")
    def run_tests(
        paths: Annotated[list[Path], typer.Argument(help="Files of tests of rules.")],
    ) -> None:
        """Run recorded minutes or events against the alerts that are to come; exit 1 if others do.

        The engine is the one that runs live.
        """
        from firstcause.alerts.rule_tests import run_rule_tests

        failed = 0
        for path in paths:
            for outcome in run_rule_tests(path):
                typer.echo(f"{'ok    ' if outcome.passed else 'FAILED'} {path}: {outcome.name}")
                for one in outcome.missing:
                    typer.echo(f"       missing: {one}")
                for one in outcome.unexpected:
                    typer.echo(f"       unexpected: {one}")
                failed += not outcome.passed
        if failed:
            typer.echo(f"{failed} failed", err=True)
            raise typer.Exit(1)
