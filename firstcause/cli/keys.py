"""`firstcause keys`: API keys are made, listed and revoked."""

from __future__ import annotations

from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, help="API keys of the HTTP doors.")


def register(program: typer.Typer) -> None:
    """Adds the commands to the program."""
    program.add_typer(app, name="keys")


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Who or what will use it.")],
    role: Annotated[
        str,
        typer.Option(
            help="ingest: send records, alerts; read: see; act: also acknowledge, silence."
        ),
    ] = "read",
) -> None:
    """Make a key and print its secret, once."""
    from firstcause.access.keys import ROLES, KeyFile
    from firstcause.settings import load_settings

    known = next((each for each in ROLES if each == role), None)
    if known is None:
        raise typer.BadParameter(f"a role is one of {', '.join(ROLES)}")
    typer.echo(KeyFile(load_settings().api_keys_file).add(name, known))


@app.command("list")
def list_keys(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """List the keys, without their secrets."""
    import json

    from firstcause.access.keys import KeyFile
    from firstcause.settings import load_settings

    for key in KeyFile(load_settings().api_keys_file).all_keys():
        entry = {"name": key.name, "role": key.role, "created_at": key.created_at}
        typer.echo(json.dumps(entry) if as_json else "  ".join(entry.values()))


@app.command()
def revoke(name: Annotated[str, typer.Argument(help="The key's name.")]) -> None:
    """Revoke a key, at once."""
    from firstcause.access.keys import KeyFile
    from firstcause.settings import load_settings

    KeyFile(load_settings().api_keys_file).revoke(name)
    typer.echo(f"{name} is revoked.")
