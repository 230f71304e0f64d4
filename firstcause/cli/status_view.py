"""Prints `firstcause status`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path

import orjson
import typer
from rich.console import Console
from rich.table import Table

from firstcause.local.service_status import ServiceStatus, State

STYLES = {
    State.RUNNING: "green",
    State.STARTING: "yellow",
    State.NOT_ANSWERING: "bold red",
    State.CRASHED: "bold red",
    State.STOPPED: "dim",
    State.REMOTE: "cyan",
}


def print_json(statuses: Sequence[ServiceStatus]) -> None:
    """One JSON object a line, with the fields of `ServiceStatus`."""
    for status in statuses:
        typer.echo(orjson.dumps(asdict(status)))


def print_table(statuses: Sequence[ServiceStatus]) -> None:
    """A table for people."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("service", "state", "address"):
        table.add_column(heading, no_wrap=True)
    for heading in ("pid", "memory", "up for"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("log file", overflow="fold")
    for status in statuses:
        table.add_row(
            status.name,
            f"[{STYLES[status.state]}]{status.state}[/]",
            status.address,
            str(status.pid or ""),
            f"{status.memory_bytes / 2**20:,.0f} MB" if status.memory_bytes else "",
            _duration(status.uptime_seconds),
            _from_here(status.log_file),
        )
    terminal = Console()
    # Into a file or a pipe goes the whole table, whatever the width of a page there.
    console = terminal if terminal.is_terminal else Console(width=200)
    console.print(table)


def _from_here(path: str) -> str:
    here = Path.cwd()
    return str(Path(path).relative_to(here)) if path and Path(path).is_relative_to(here) else path


def _duration(seconds: float | None) -> str:
    return "" if seconds is None else str(timedelta(seconds=int(seconds)))
