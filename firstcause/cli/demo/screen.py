"""Prints the last screen of the demo: what happened, for a first-time reader."""

from __future__ import annotations

import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from firstcause.cli.demo.outcome import Outcome
from firstcause.settings import Settings
from firstcause.storage.log_partition import EVERY_SHARD


def show_outcome(settings: Settings, outcome: Outcome, console: Console, *, kept: bool) -> None:
    """Prints the screen."""
    console.rule("What happened")
    console.print(_counts(outcome))
    if outcome.incident is not None:
        console.print(_slack(settings, outcome))
        console.print(_verdict(outcome))
    if kept:
        console.print(_next_steps(settings, outcome))
    else:
        console.print(f"The services are stopped; their data stays. `{_program()} up` starts them.")


def _counts(outcome: Outcome) -> RenderableType:
    tally = outcome.tally
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right", style="bold")
    table.add_column()
    table.add_row(f"{tally.sent:,}", f"messages sent to Kafka: {outcome.source}")
    table.add_row(f"{tally.stored:,}", f"of {tally.readable:,} log events stored in Cassandra")
    if tally.repeated:
        table.add_row(f"{tally.repeated:,}", "sent more than once, stored once")
    table.add_row(f"{tally.dead_letters:,}", "unreadable, kept as dead letters with their reason")
    if outcome.seconds_to_incident is not None:
        table.add_row(
            f"{outcome.seconds_to_incident:.1f} s", "from the first error to its incident"
        )
    elif outcome.incident is not None:
        table.add_row("0", "new incidents: these errors were counted before")
    if outcome.other_incidents:
        table.add_row(f"{outcome.other_incidents:,}", "more incidents of the same fault")
    return table


def _slack(settings: Settings, outcome: Outcome) -> RenderableType:
    from log_analyzer.notify.messages.incident import render_notice
    from log_analyzer.notify.preview.terminal import render_for_terminal
    from log_analyzer.report.deterministic import current_analysis

    assert outcome.incident is not None  # noqa: S101
    with_model = settings.mistral_api_key is not None
    analysis = current_analysis(outcome.incident, model_configured=with_model)
    return render_for_terminal(render_notice(outcome.incident, analysis))


def _verdict(outcome: Outcome) -> RenderableType:
    from log_analyzer.report.sections import suspect_names

    assert outcome.incident is not None  # noqa: S101
    named = suspect_names(outcome.incident)[0]
    if outcome.culprit is None:
        return Text(f"Culprit named: {named}. The true one is not known here.")
    right = named == outcome.culprit
    text = Text("Culprit named: ")
    text.append(named, style="bold green" if right else "bold yellow")
    text.append("   true culprit: ")
    text.append(outcome.culprit, style="bold")
    text.append("   right" if right else "   another one")
    if outcome.cause:
        text.append(f"\nTrue cause: {outcome.cause}", style="dim")
    return text


def _next_steps(settings: Settings, outcome: Outcome) -> RenderableType:
    from log_analyzer.report.sections import suspect_names

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="cyan", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("Airflow", f"http://127.0.0.1:{settings.airflow_port}  (trigger fault_drill)")
    incident = outcome.incident
    if incident is not None:
        if settings.api_enabled:
            pages = f"http://127.0.0.1:{settings.api_port}/ui"
            table.add_row("Page", f"{pages}/incidents/{incident.incident_id}")
        table.add_row("Incidents", f"{_program()} incidents {incident.incident_id}")
        first = datetime.fromtimestamp(incident.first_ms / 1000, UTC)
        service = suspect_names(incident)[0]
        shown = first.strftime("%Y-%m-%d %H:%M:00+0000")
        table.add_row(
            "Logs", f"{_program()} logs --service {service} --to {_iso(incident.last_ms)}"
        )
        if settings.search_enabled:
            table.add_row("Search", f"{_program()} search 'service:{service} level:error'")
        where = f"service_name = '{service}' AND minute = '{shown}' AND shard IN ({EVERY_SHARD})"
        table.add_row(
            f"CQL, port {settings.cassandra_port}",
            f"SELECT * FROM {settings.cassandra_keyspace}.logs WHERE {where};",  # noqa: S608
        )
    if settings.slack_bot_token is None:
        table.add_row("Slack", f"not configured: previews in {settings.firstcause_home}")
    table.add_row("Services", f"{_program()} status; {_program()} down")
    return Panel(table, title="Go on", title_align="left", border_style="dim")


def _program() -> str:
    """`firstcause` as it has to be typed here: a name on the path, or a path."""
    found = shutil.which("firstcause")
    if found is not None and Path(found).resolve() == Path(sys.argv[0]).resolve():
        return "firstcause"
    return os.path.relpath(sys.argv[0])


def _iso(moment_ms: int) -> str:
    moment = datetime.fromtimestamp(moment_ms / 1000, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
