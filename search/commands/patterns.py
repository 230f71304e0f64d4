"""`firstcause patterns` and `firstcause patterns diff`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from search.commands.times import typed_times

if TYPE_CHECKING:
    from search.patterns.overview import ChangedPattern, CountedPattern, PatternOverview

app = typer.Typer(
    help="Patterns of all logs: how often each was met, what is new, gone or shifted.",
    invoke_without_command=True,
)

_SPAN = timedelta(hours=1)
_Service = Annotated[str | None, typer.Option(help="Only of this service.")]
_Limit = Annotated[int, typer.Option(min=1, help="At most so many.")]
_Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


@app.callback()
def patterns(
    context: typer.Context,
    start: Annotated[
        str | None, typer.Option("--from", help="From: 2h, or an RFC 3339 time; an hour ago.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="Until: 10m, or an RFC 3339 time; now.")
    ] = None,
    service: _Service = None,
    limit: _Limit = 50,
    as_json: _Json = False,
) -> None:
    """Show the patterns of a time, the most frequent first. Times are whole minutes."""
    if context.invoked_subcommand is not None:
        return
    times = typed_times(start, end, datetime.now(UTC), _SPAN)
    with _opened() as overview:
        found = overview.most_frequent(overview.services(service), *times)
        for one in found[:limit]:
            _show({"count": one.count}, one, as_json=as_json)
        if not found:
            typer.echo("No log was counted in this time: try an earlier --from.", err=True)


@app.command()
def diff(
    start: Annotated[
        str, typer.Option("--from", help="Since when it may be different: 30m, an RFC 3339 time.")
    ] = "1h",
    end: Annotated[str | None, typer.Option("--to", help="Until when; now.")] = None,
    before: Annotated[
        str | None,
        typer.Option("--before", help="Compared with the time from here to --from; as long again."),
    ] = None,
    service: _Service = None,
    limit: _Limit = 50,
    as_json: _Json = False,
) -> None:
    """Show patterns that are new, gone or shifted since a time, the strongest change first."""
    now = datetime.now(UTC)
    from_ms, to_ms = typed_times(start, end, now, _SPAN)
    earlier_ms = from_ms - (to_ms - from_ms)
    if before is not None:
        earlier_ms, _ = typed_times(before, end, now, _SPAN)
    if not earlier_ms < from_ms < to_ms:
        raise typer.BadParameter("--before must be earlier than --from, and --from than --to")
    with _opened() as overview:
        found = overview.changed(overview.services(service), earlier_ms, from_ms, to_ms)
        for one in found[:limit]:
            told = {"change": one.change.value, "before": one.before, "after": one.after}
            _show(told, one, as_json=as_json)
        if not found:
            typer.echo("No pattern is new, gone or shifted.", err=True)


@contextmanager
def _opened() -> Iterator[PatternOverview]:
    from firstcause.settings import load_settings
    from firstcause.storage import cassandra
    from search.patterns.overview import PatternOverview
    from search.patterns.store import PatternStore

    with cassandra.session(load_settings()) as session:
        yield PatternOverview(PatternStore(session))


def _show(told: dict[str, Any], found: CountedPattern | ChangedPattern, *, as_json: bool) -> None:
    import orjson

    from firstcause.storage.stored_time import datetime_from_ms
    from firstcause.text.log_lines import plain
    from firstcause.text.printable import printable

    service, pattern = found.service_name, found.pattern
    row = {**told, "service_name": service, "template_id": str(found.template_id)}
    if pattern is not None:
        row |= {
            "level": pattern.level,
            "text": pattern.text,
            "first_seen": plain(datetime_from_ms(pattern.first_seen_ms)),
            "last_seen": plain(datetime_from_ms(pattern.last_seen_ms)),
        }
    if as_json:
        typer.echo(orjson.dumps(row).decode())
        return
    figures = "  ".join(f"{item:>8}" for item in told.values())
    words = f"{row.get('level', ''):<5} {printable(service)} {printable(str(row.get('text', '')))}"
    typer.echo(f"{figures}  {words}")
