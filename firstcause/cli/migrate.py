"""`firstcause migrate`."""

from __future__ import annotations

import typer


def register(app: typer.Typer) -> None:
    """Adds the command `migrate`."""

    @app.command()
    def migrate() -> None:
        """Apply what is new in cassandra/migrations/, each migration once."""
        from firstcause.settings import load_settings
        from firstcause.storage.migrations import migrate as apply_migrations

        applied = apply_migrations(load_settings())
        for migration in applied:
            typer.echo(f"applied {migration.version:04d}_{migration.name}")
        if not applied:
            typer.echo("nothing new")
