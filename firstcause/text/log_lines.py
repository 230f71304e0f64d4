"""Stored logs as lines: one JSON object each, or coloured for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

import orjson
from rich.text import Text

from firstcause.text.printable import printable

_LEVEL_STYLES: Final = {"ERROR": "red", "FATAL": "bold red", "WARN": "yellow", "DEBUG": "dim"}


def json_line(row: Mapping[str, Any]) -> str:
    """A row as JSON; times in RFC 3339 with milliseconds."""
    return orjson.dumps({name: plain(item) for name, item in row.items()}).decode()


def plain(item: Any) -> Any:
    """A time as RFC 3339 text, anything else as it is."""
    if isinstance(item, datetime):
        return item.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return item


def terminal_line(row: Mapping[str, Any]) -> Text:
    """Time, level, service and message; nothing in them is markup or moves the cursor."""
    line = Text(row["timestamp"].strftime("%Y-%m-%d %H:%M:%S.%f")[:-3], style="dim")
    line.append(f" {row['level']:<5}", style=_LEVEL_STYLES.get(row["level"], ""))
    line.append(f" {printable(row['service_name'])} ", style="cyan")
    line.append(printable(row["message"]))
    return line
