"""`firstcause normal`: shows what was learned as normal, and learns it from files."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

_LOAD_SECONDS = 30.0

AsJson = Annotated[bool, typer.Option("--json", help="JSON instead of tables.")]


def register(app: typer.Typer) -> None:
    """Adds the commands below `normal`."""
    group = typer.Typer(help="What services do when nothing is wrong.", no_args_is_help=True)
    group.command("show")(show)
    group.command("list")(list_hours)
    group.command("learn")(learn)
    app.add_typer(group, name="normal")


def show(
    service: Annotated[str, typer.Argument(help="The service's name.")],
    at: Annotated[
        str | None, typer.Option(help="As of this time of day and week: 2h, or RFC 3339; now.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Rows of a table at the most.")] = 20,
    as_json: AsJson = False,
) -> None:
    """Show what is normal for a service: what follows what, how long it takes, usual errors."""
    from firstcause.cli.normal_view import print_summary, summary_json
    from firstcause.errors import FirstcauseError
    from firstcause.normal.composed_normal_store import ComposedNormalStore
    from firstcause.settings import load_settings
    from firstcause.storage import cassandra
    from firstcause.text.typed_time import parse_since
    from root_cause.explanation.normal_summary import summary_of

    now = datetime.now(UTC)
    try:
        moment = parse_since(at, now) if at else now
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--at") from None
    at_ms = int(moment.timestamp() * 1000)
    settings = load_settings()
    with cassandra.session(settings) as session:
        store = ComposedNormalStore(session, settings.normal_zone)
        loaded = store.load(at_ms, _LOAD_SECONDS)
        versions = [one for one in store.versions() if loaded and one.version == loaded.version]
    if loaded is None or not versions:
        raise FirstcauseError(
            "Nothing is learned yet: the DAG learn_normal does it each hour, or "
            "`firstcause normal learn FILE` now; `firstcause normal list` says what was refused."
        )
    summary = summary_of(loaded.normal, service, limit)
    if summary is None:
        known = ", ".join(sorted(loaded.normal.services))
        raise FirstcauseError(f"Nothing is learned of {service}. Known: {known}")
    version = versions[0]
    slot = version.slot_at(at_ms, settings.normal_zone)
    if as_json:
        typer.echo(summary_json(service, version, slot, summary))
    else:
        print_summary(service, version, slot, loaded.normal.traces, summary)


def list_hours(
    days: Annotated[int, typer.Option(min=1, help="So many of the newest days.")] = 2,
    refused: Annotated[
        bool, typer.Option("--refused", help="Only hours of which nothing was learned.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List the hours that were learned, newest first, and why others were refused."""
    from firstcause.cli.normal_view import print_hours, record_json
    from firstcause.normal.composed_normal_store import ComposedNormalStore
    from firstcause.normal.learned_hour_store import LearnedHourStore
    from firstcause.settings import load_settings
    from firstcause.storage import cassandra

    with cassandra.session(load_settings()) as session:
        records = [
            one for one in LearnedHourStore(session).records(days) if one.refused or not refused
        ]
        versions = ComposedNormalStore(session).versions()
    if as_json:
        for one in records:
            typer.echo(record_json(one))
    else:
        print_hours(records, versions[0] if versions else None)


def learn(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Logs as JSON Lines; .gz too.")
    ],
    spans: Annotated[
        list[Path] | None, typer.Option("--spans", help="Spans of these logs; again for more.")
    ] = None,
    shift_to_now: Annotated[
        bool, typer.Option("--shift-to-now", help="As if it had just been recorded.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Learn from recordings of a time in which nothing was wrong: you vouch for that.

    Needs Cassandra, neither Spark nor Airflow. Each hour replaces what was learned of it before.
    """
    from firstcause.cli.normal_view import print_hours, record_json
    from firstcause.normal.file_learning import learn_files
    from firstcause.settings import load_settings
    from firstcause.storage import cassandra
    from firstcause.structured_logging import configure_logging

    settings = load_settings()
    configure_logging(settings)
    with cassandra.session(settings) as session:
        zone = settings.normal_zone
        learned = learn_files(session, files, spans or [], shift_to_now=shift_to_now, zone=zone)
    if as_json:
        for one in learned.slices:
            typer.echo(record_json(one))
    else:
        print_hours(learned.slices, learned.version)
    if learned.outdated:
        typer.echo(
            f"{len(learned.outdated)} of these hours are stored, but newer ones are in force "
            "instead: use --shift-to-now if the system is still like that.",
            err=True,
        )
