"""Prints what is normal for a service, and the hours it was learned from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Final

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from firstcause.normal.composed_normal_store import NormalVersion
from firstcause.normal.learned_hour_store import SliceRecord
from firstcause.storage.stored_time import datetime_from_ms
from firstcause.text.printable import printable
from root_cause.explanation.normal_summary import ServiceSummary
from root_cause.quiet_hours.due_hours import HOUR_MS

_WIDTH: Final = 120
_SECOND_MS: Final = 1_000.0


def print_summary(
    service: str, version: NormalVersion, slot: str, traces: int, summary: ServiceSummary
) -> None:
    """One service's normal as tables; those without a row are left out."""
    console = _console()
    console.print(_plain(f"{service}: normal {version.version}, {_slot(slot)}"))
    console.print(_plain(f"{_learned(version)}; counts are of {traces:,} traces"))
    console.print(_plain(f"Suspects are named from a score of {summary.named_from:.2f} on."))
    _print(
        console,
        "What follows what",
        ("event", "next", "share", "cases"),
        (
            (one.event, one.after, f"{one.share:.0%}", f"{one.cases:,}")
            for one in summary.followings
        ),
    )
    _print(
        console,
        "How long it takes",
        ("what", "median", "p95", "cases"),
        (
            (one.what, _time(one.median_ms), _time(one.p95_ms), f"{one.cases:,}")
            for one in summary.times
        ),
    )
    _print(
        console,
        "How often",
        ("event", "in 100 traces", "count"),
        ((one.event, _rate(one.per_100_traces), f"{one.count:,}") for one in summary.rates),
    )
    _print(
        console,
        "Errors although nothing is wrong",
        ("error", "share of traces", "traces"),
        ((one.event, f"{one.share:.2%}", f"{one.traces:,}") for one in summary.errors),
    )


def summary_json(service: str, version: NormalVersion, slot: str, summary: ServiceSummary) -> str:
    """The same as one JSON object."""
    return orjson.dumps(
        {
            "service": service,
            "version": version.version,
            "slot": slot,
            "learned_from": _minute(version.first_ms),
            "learned_to": _minute(version.last_ms + HOUR_MS),
            "hours": version.hours,
            **asdict(summary),
        }
    ).decode()


def print_hours(records: Sequence[SliceRecord], version: NormalVersion | None) -> None:
    """A row an hour, and what is in force."""
    console = _console()
    _print(
        console,
        None,
        ("hour (UTC)", "traces", "events", "quiet minutes", "from", "not learned because"),
        (
            (
                _minute(one.hour_ms),
                f"{one.traces:,}",
                f"{one.events:,}",
                f"{_quiet_minutes(one):.0f}",
                one.source,
                one.refused or "",
            )
            for one in records
        ),
    )
    if version is None:
        console.print("No normal is in force yet.")
    else:
        slots = f", slots of their own: {', '.join(version.slots)}" if version.slots else ""
        console.print(_plain(f"In force: {version.version}, {_learned(version)}{slots}."))


def record_json(record: SliceRecord) -> str:
    """One hour as a JSON object."""
    return orjson.dumps(
        {
            "hour": _minute(record.hour_ms),
            "learned_at": _minute(record.learned_at_ms),
            "traces": record.traces,
            "events": record.events,
            "stretches": [
                [
                    datetime_from_ms(one.start_ms).isoformat(),
                    datetime_from_ms(one.end_ms).isoformat(),
                ]
                for one in record.stretches
            ],
            "source": record.source,
            "refused": record.refused,
        }
    ).decode()


def _print(
    console: Console, title: str | None, names: Sequence[str], rows: Iterable[Sequence[str]]
) -> None:
    found = list(rows)
    if not found:
        return
    table = Table(title=title, title_justify="left")
    for number, name in enumerate(names):
        is_figure = number > 0 and name not in ("next", "from", "not learned because")
        table.add_column(name, justify="right" if is_figure else "left", overflow="fold")
    for row in found:
        table.add_row(*map(_plain, row))
    console.print(table)


def _learned(version: NormalVersion) -> str:
    hours = "1 hour" if version.hours == 1 else f"{version.hours} hours"
    return (
        f"learned from {hours}, {_minute(version.first_ms)} to {_minute(version.last_ms + HOUR_MS)}"
    )


def _slot(slot: str) -> str:
    return f"of {slot}" if slot else "of the whole week"


def _quiet_minutes(record: SliceRecord) -> float:
    return sum(one.end_ms - one.start_ms for one in record.stretches) / 60_000


def _minute(at_ms: int) -> str:
    return datetime_from_ms(at_ms).strftime("%Y-%m-%dT%H:%MZ")


def _rate(per_100_traces: float | None) -> str:
    return "" if per_100_traces is None else f"{per_100_traces:,.1f}"


def _time(ms: float) -> str:
    return f"{ms / _SECOND_MS:.1f} s" if ms >= _SECOND_MS else f"{ms:.0f} ms"


def _plain(text: str) -> Text:
    return Text(printable(text))


def _console() -> Console:
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDTH)
