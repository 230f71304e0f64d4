"""`firstcause spans`: the spans of one trace in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from firstcause.text.printable import printable

if TYPE_CHECKING:
    from firstcause.events.span import Span

_TIMEOUT_SECONDS = 15.0


def register(app: typer.Typer) -> None:
    """Adds the command `spans`."""
    app.command()(spans)


def spans(
    trace: Annotated[str, typer.Option(help="The spans of this trace.")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Show the stored spans of one trace: each below its caller, with its duration."""
    from firstcause.events.span_tree import in_tree_order
    from firstcause.events.trace_ids import trace_id_of
    from firstcause.settings import load_settings
    from firstcause.storage import cassandra
    from firstcause.storage.span_history import spans_of_traces
    from firstcause.structured_logging import configure_logging

    settings = load_settings()
    # Of spans that could not be read the log tells, on standard error.
    configure_logging(settings)
    with cassandra.session(settings) as session:
        trace_id = trace_id_of(trace) or trace
        found = in_tree_order(spans_of_traces(session, [trace_id], _TIMEOUT_SECONDS))
    if not found:
        typer.echo("No spans of this trace are stored: not every source sends spans.", err=True)
    for depth, span in found:
        if as_json:
            _print_json(span)
        else:
            _print_line(depth, span)


def _print_json(span: Span) -> None:
    import orjson

    typer.echo(orjson.dumps(span).decode())


def _print_line(depth: int, span: Span) -> None:
    from datetime import UTC, datetime

    from rich.console import Console
    from rich.text import Text

    start = datetime.fromtimestamp(span.start_ns / 1e9, UTC)
    line = Text(start.strftime("%H:%M:%S.%f")[:-3], style="dim")
    line.append(f" {span.duration_us / 1000:>10,.1f} ms  {'  ' * depth}")
    line.append(printable(span.service_name), style="cyan")
    line.append(f" {printable(span.operation)}")
    Console(soft_wrap=True, highlight=False).print(line)
