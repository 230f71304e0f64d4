"""`firstcause alerts`: stored alerts in the terminal, and what a backtest would have made."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from firstcause.text.printable import printable

if TYPE_CHECKING:
    from alerting.alert import Alert

_STYLES = {"critical": "bold red", "high": "red", "medium": "yellow", "low": "dim"}


def register(app: typer.Typer) -> None:
    """Adds the command `alerts`."""

    @app.command()
    def alerts(
        since: Annotated[str, typer.Option(help="24h, 7d, or an RFC 3339 time.")] = "24h",
        service: Annotated[str | None, typer.Option(help="Only of this service.")] = None,
        severity: Annotated[
            str | None, typer.Option(help="Only this severity: low, medium, high, critical.")
        ] = None,
        as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    ) -> None:
        """Show stored alerts, newest first, those in the shadow too."""
        from firstcause.alerts.store import AlertStore
        from firstcause.incidents.states import SEVERITIES
        from firstcause.settings import load_settings
        from firstcause.storage import cassandra

        if severity is not None and severity not in SEVERITIES:
            raise typer.BadParameter(f"{severity!r} is no severity: say {', '.join(SEVERITIES)}")
        start_ms, end_ms = span_of(since, None)
        with cassandra.session(load_settings()) as session:
            found = AlertStore(session).between(start_ms, end_ms, service)
        show(
            [one.alert for one in found if severity in {None, one.alert.severity}],
            as_json=as_json,
        )


def span_of(start: str, end: str | None) -> tuple[int, int]:
    """Two times as people type them, in ms since the epoch; without an end a day from now on.

    Raises:
        typer.BadParameter: one of them is no time.
    """
    from firstcause.storage.stored_time import ms_from_datetime
    from firstcause.text.typed_time import parse_since

    now = datetime.now(UTC)
    try:
        # A source's clock may be ahead by so much.
        until = parse_since(end, now) if end else now + timedelta(days=1)
        return ms_from_datetime(parse_since(start, now)), ms_from_datetime(until)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def show(alerts: list[Alert], *, as_json: bool) -> None:
    """Prints alerts, a line each, in the order given."""
    import orjson
    from rich.console import Console
    from rich.text import Text

    from firstcause.text.event_time import iso

    console = Console(soft_wrap=True, highlight=False)
    for one in alerts:
        if as_json:
            typer.echo(orjson.dumps(as_object(one)).decode())
            continue
        line = Text(iso(one.window_start_ms)[:16].replace("T", " "), style="dim")
        line.append(f" {one.severity:<8}", style=_STYLES[one.severity])
        state = "lasts" if one.resolved_ms is None else f"until {iso(one.resolved_ms)[11:16]}"
        line.append(f" {state:<11}", style="dim")
        line.append(printable(one.sentence))
        if one.mode == "shadow":
            line.append(" (shadow)", style="dim")
        console.print(line)
    if not alerts and not as_json:
        typer.echo("No alerts in this time.", err=True)


def as_object(alert: Alert) -> dict[str, Any]:
    """The alert as `--json` prints it."""
    from alerting.alert import message_of
    from firstcause.text.event_time import iso

    fields = dict(message_of(alert, 0))
    del fields["detected_at"]
    resolved = None if alert.resolved_ms is None else iso(alert.resolved_ms)
    band = dict(zip(("low", "high"), alert.band, strict=True))
    return {**fields, "mode": alert.mode, "band": band, "resolved_at": resolved}
