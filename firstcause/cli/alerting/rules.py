"""`firstcause rules`: alert rules checked, tested, and run over what is stored."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the commands `rules check`, `rules test` and `rules backtest`."""
    rules = typer.Typer(help="Alert rules: check, test and backtest them.", no_args_is_help=True)
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

    @rules.command()
    def backtest(
        start: Annotated[str, typer.Option("--from", help="From: 24h, or an RFC 3339 time.")],
        end: Annotated[
            str | None, typer.Option("--to", help="Until: 2h, or an RFC 3339 time; now.")
        ] = None,
        path: Annotated[
            Path | None, typer.Option("--rules", help="A file of rules; ALERT_RULES.")
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    ) -> None:
        """List the alerts that rules make of the stored window metrics, oldest first.

        The engine and the ids are those of live alerts. ALERT_HISTORY_HOURS before --from are
        learned from, and their alerts are not listed. Nothing is stored and nobody is told.
        """
        from firstcause.alerts.backtest import backtested
        from firstcause.alerts.rules_file import load_rules
        from firstcause.cli.alerting.alerts import show, span_of
        from firstcause.settings import load_settings
        from firstcause.storage import cassandra

        settings = load_settings()
        found = load_rules(path or settings.alert_rules)
        start_ms, end_ms = span_of(start, end)
        if start_ms >= end_ms:
            raise typer.BadParameter("--to is not after --from")
        history_ms = settings.alert_history_hours * 3_600_000
        with cassandra.session(settings) as session:
            show(backtested(session, found, start_ms, end_ms, history_ms), as_json=as_json)
