"""`firstcause analyzer` and `firstcause incidents`."""

from __future__ import annotations

from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Adds the analyzer's commands to the program."""
    app.command()(analyzer)
    app.command()(incidents)


def analyzer() -> None:
    """Run the consumer-group service: errors become incidents, incidents reach Slack."""
    import signal

    from firstcause.settings import load_settings
    from firstcause.structured_logging import configure_logging
    from log_analyzer.service import Analyzer

    settings = load_settings()
    configure_logging(settings)
    service = Analyzer(settings)

    def stop(*_: object) -> None:
        service.stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    service.run()


def incidents(
    incident_id: Annotated[
        str | None, typer.Argument(help="One incident, with its evidence and analyses.")
    ] = None,
    since: Annotated[
        str, typer.Option(help="Opened since: 24h, 7d, or an RFC 3339 time; 'all' for all.")
    ] = "all",
    service: Annotated[str | None, typer.Option(help="Only those that touch this service.")] = None,
    status: Annotated[str | None, typer.Option(help="open or resolved.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at the most.")] = 50,
    show_all: Annotated[
        bool, typer.Option("--all", help="Also those that were merged into another.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show incidents, newest first, or one in full."""
    import sys
    from datetime import UTC, datetime
    from itertools import islice
    from uuid import UUID

    import orjson
    from rich.console import Console

    from firstcause import cassandra
    from firstcause.errors import FirstcauseError
    from firstcause.settings import load_settings
    from firstcause.since import parse_since
    from log_analyzer.incident_reader import IncidentReader
    from log_analyzer.report import incident_json
    from log_analyzer.terminal import incident_detail, incidents_table

    if status not in (None, "open", "resolved"):
        raise typer.BadParameter("open or resolved", param_hint="--status")
    try:
        wanted = UUID(incident_id) if incident_id else None
        start = parse_since(since, datetime.now(UTC))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    settings = load_settings()
    with_model = settings.mistral_api_key is not None
    with cassandra.session(settings) as session:
        reader = IncidentReader(session)
        if wanted is not None:
            view = reader.read(wanted)
            if view is None:
                raise FirstcauseError(f"There is no incident {wanted}: see `firstcause incidents`.")
            views = [view]
        else:
            views = list(
                islice(
                    (
                        one
                        for one in reader.since(start, merged=show_all)
                        if (service is None or service in one.services)
                        and (status is None or status == one.status)
                    ),
                    limit,
                )
            )
    if as_json:
        for one in views:
            sys.stdout.buffer.write(
                orjson.dumps(incident_json(one, model_configured=with_model)) + b"\n"
            )
        sys.stdout.flush()
        return
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=120)
    if wanted is not None:
        console.print(incident_detail(views[0], model_configured=with_model))
    elif views:
        console.print(incidents_table(views))
    else:
        console.print("No incidents.")
