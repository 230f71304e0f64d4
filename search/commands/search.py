"""`firstcause search` and `firstcause search-indexer`; registers `patterns` too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from search.commands import patterns, rebuild
from search.commands.times import typed_times

if TYPE_CHECKING:
    from firstcause.settings import Settings
    from search.engine import SearchPage
    from search.query.tree import Node
    from search.rows import FoundRow

_DEFAULT_SPAN = timedelta(hours=24)
_PAGE = 500


def register(app: typer.Typer) -> None:
    """Adds the commands of search to the program."""
    app.command()(search)
    app.command("search-indexer")(search_indexer)
    app.command("search-rebuild")(rebuild.search_rebuild)
    app.add_typer(patterns.app, name="patterns")


def search_indexer() -> None:
    """Run the indexer: every log of the topic becomes findable by `firstcause search`."""
    import signal

    from firstcause.settings import load_settings
    from firstcause.structured_logging import configure_logging
    from search.indexer.process import SearchIndexer

    settings = load_settings()
    configure_logging(settings)
    service = SearchIndexer(settings)

    def stop(*_: object) -> None:
        service.stopping.set()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    service.run()


def search(
    query: Annotated[
        str, typer.Argument(help='Such as: service:cart level:error "pool exhausted" -healthz')
    ],
    start: Annotated[
        str | None, typer.Option("--from", help="From: 2h, or an RFC 3339 time; a day before --to.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="Until: 10m, or an RFC 3339 time; now.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
) -> None:
    """Find stored logs of all services by words and fields, newest first.

    How a query is written: docs/search.md. Exit code 2 when it has a mistake.
    """
    from firstcause.settings import load_settings
    from search.query.mistake import QueryError
    from search.query.parser import parse

    from_ms, to_ms = typed_times(start, end, datetime.now(UTC), _DEFAULT_SPAN)
    try:
        tree = parse(query)
    except QueryError as mistake:
        typer.echo(f"{mistake.pointed()}\n{mistake}", err=True)
        raise typer.Exit(2) from None
    _search(load_settings(), tree, (from_ms, to_ms), limit, as_json=as_json)


def _search(
    settings: Settings, tree: Node, times: tuple[int, int], limit: int, *, as_json: bool
) -> None:
    from firstcause.storage import cassandra
    from search.embedded.engine import EmbeddedEngine
    from search.engine import SearchPage
    from search.rows import RowReader

    engine = EmbeddedEngine(settings.search_dir)
    shown = missing = 0
    page = SearchPage((), None)
    with cassandra.session(settings) as session:
        reader = RowReader(session)
        while shown + missing < limit:
            wanted = min(_PAGE, limit - shown - missing)
            page = engine.search(tree, *times, wanted, page.next_cursor)
            for found in reader.rows(page.keys):
                shown, missing = shown + (found.row is not None), missing + (found.row is None)
                _show(found, as_json=as_json)
            if page.next_cursor is None:
                break
    _tell(page, shown, missing)


def _show(found: FoundRow, *, as_json: bool) -> None:
    from rich.console import Console

    from firstcause.text.log_lines import json_line, terminal_line

    if found.row is None:
        return
    if as_json:
        typer.echo(json_line(found.row))
    else:
        Console(soft_wrap=True, highlight=False).print(terminal_line(found.row))


def _tell(page: SearchPage, shown: int, missing: int) -> None:
    """What a reader of the lines has to know, on standard error."""
    if missing:
        typer.echo(
            f"{missing} more were found, but are not in Cassandra: not stored yet (is the store "
            "job running? `firstcause status`), or older than Cassandra keeps logs.",
            err=True,
        )
    if not shown and not missing:
        typer.echo("Nothing was found in this time: try an earlier --from.", err=True)
    if page.next_cursor is not None:
        typer.echo("There are more: raise --limit, or set --to to the last time shown.", err=True)
