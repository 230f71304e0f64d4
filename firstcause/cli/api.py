"""`firstcause api`: the read API and the pages, given the analyzer's incidents."""

from __future__ import annotations

import typer


def register(program: typer.Typer) -> None:
    """Adds the command to the program."""
    program.command()(api)


def api() -> None:
    """Serve the read API and the pages of incidents and logs."""
    from api.process import run_api
    from firstcause.settings import load_settings
    from log_analyzer.door import StoredIncidents

    settings = load_settings()
    with_model = settings.mistral_api_key is not None
    run_api(settings, lambda session: StoredIncidents(session, model_configured=with_model))
