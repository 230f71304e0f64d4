"""`firstcause logs`: stored logs in the terminal."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Annotated

import typer

from firstcause.text.printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from firstcause.incidents.states import Severity
    from firstcause.storage.log_history import LogHistory, LogQuery, LogRow

_DEFAULT_SPAN = timedelta(hours=1)
_SERVICES_SHOWN = 30


def register(app: typer.Typer) -> None:
    """Adds the command `logs`."""

    @app.command()
    def logs(
        service: Annotated[str | None, typer.Option(help="Logs of this service.")] = None,
        trace: Annotated[str | None, typer.Option(help="All logs of this trace.")] = None,
        start: Annotated[
            str | None,
            typer.Option("--from", help="From: 2h, or an RFC 3339 time; an hour before --to."),
        ] = None,
        end: Annotated[
            str | None, typer.Option("--to", help="Until: 10m, or an RFC 3339 time; now.")
        ] = None,
        level: Annotated[str | None, typer.Option(help="Only this level.")] = None,
        status_code: Annotated[int | None, typer.Option(help="Only this status code.")] = None,
        anomaly: Annotated[
            str | None,
            typer.Option(help="Only of this severity at least: low, medium, high, critical."),
        ] = None,
        limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
        as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    ) -> None:
        """Show stored logs: of a service, newest first, or of one trace, oldest first.

        The next page: call again with --to set to the last timestamp shown.
        """
        from firstcause.events.trace_ids import trace_id_of
        from firstcause.settings import load_settings
        from firstcause.storage import cassandra
        from firstcause.storage.log_history import LogHistory

        if (service is None) == (trace is None):
            raise typer.BadParameter("name either --service or --trace")
        severities = _severities(anomaly)
        with cassandra.session(load_settings()) as session:
            history = LogHistory(session)
            if trace is not None:
                rows: Iterable[LogRow] = history.of_trace(trace_id_of(trace) or trace, limit)
                _show(rows, as_json=as_json)
            elif service is not None:
                wanted = _query(service, start, end, level, status_code)
                query = replace(wanted, anomalies=severities)
                if not _show(islice(history.of_service(query), limit), as_json=as_json):
                    _hint(history, service)


def _query(
    service: str, start: str | None, end: str | None, level: str | None, status_code: int | None
) -> LogQuery:
    from firstcause.events.log_level import level_of
    from firstcause.storage.log_history import LogQuery
    from firstcause.text.typed_time import parse_range

    now = datetime.now(UTC)
    try:
        since, until = parse_range(start, end, _DEFAULT_SPAN, now)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    known_level = None if level is None else level_of(level)
    if level is not None and known_level is None:
        raise typer.BadParameter(f"{level!r} is no level: say ERROR, WARN, INFO ...")
    return LogQuery(service, since, until, known_level, status_code)


def _severities(least: str | None) -> tuple[Severity, ...]:
    from alerting.log_anomaly import at_least
    from firstcause.incidents.states import SEVERITIES

    if least is None:
        return ()
    known = next((one for one in SEVERITIES if one == least.lower()), None)
    if known is None:
        raise typer.BadParameter(f"{least!r} is no severity: say {', '.join(SEVERITIES)}.")
    return at_least(known)


def _show(rows: Iterable[LogRow], *, as_json: bool) -> int:
    from rich.console import Console

    from firstcause.text.log_lines import json_line, terminal_line

    console = Console(soft_wrap=True, highlight=False)
    shown = 0
    for row in rows:
        if as_json:
            typer.echo(json_line(row))
        else:
            console.print(terminal_line(row))
        shown += 1
    return shown


def _hint(history: LogHistory, service: str) -> None:
    from firstcause.text.log_lines import plain

    heard = history.services()
    if service in heard:
        last = plain(heard[service])
        typer.echo(
            f"Nothing in this time. {service} was last heard {last}: try --to {last}", err=True
        )
    else:
        known = printable(", ".join(sorted(heard)[:_SERVICES_SHOWN])) or "none yet"
        typer.echo(f"No service {service!r} so far. Known: {known}", err=True)
