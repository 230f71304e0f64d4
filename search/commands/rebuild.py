"""`firstcause search-rebuild`: the index again from Cassandra."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from search.commands.times import typed_times

if TYPE_CHECKING:
    from collections.abc import Callable

    from firstcause.settings import Settings


def search_rebuild(
    start: Annotated[
        str | None,
        typer.Option("--from", help="From: 2h, or an RFC 3339 time; SEARCH_KEEP_DAYS before --to."),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="Until: 10m, or an RFC 3339 time; now.")
    ] = None,
) -> None:
    """Make stored logs findable again from Cassandra; the search-indexer must not run.

    It may be killed and run again at any time.
    """
    from firstcause.settings import load_settings

    settings = load_settings()
    span = timedelta(days=settings.search_keep_days)
    from_ms, to_ms = typed_times(start, end, datetime.now(UTC), span)

    def told(hour: datetime, count: int) -> None:
        typer.echo(f"{hour:%Y-%m-%d %H:00} UTC: {count:,} logs so far", err=True)

    count = rebuild_from_cassandra(settings, from_ms, to_ms, told)
    typer.echo(f"{count:,} logs are findable.")


def rebuild_from_cassandra(
    settings: Settings, from_ms: int, to_ms: int, told: Callable[[datetime, int], None]
) -> int:
    """Puts the stored logs of [from, to) into the index of this machine; how many there were.

    Blocks for as long as the reading takes; `told` is called after each hour with its beginning
    and the count so far. A repetition changes nothing.

    Raises:
        FirstcauseError: another process writes the index, it takes no writes, or Cassandra does not
            answer.
    """
    from firstcause.errors import FirstcauseError
    from firstcause.storage import cassandra
    from firstcause.storage.log_history import LogHistory
    from firstcause.storage.stored_time import datetime_from_ms
    from search.embedded.rebuild import rebuild
    from search.embedded.writer import HourWriters, IndexWriteError

    writers = HourWriters(settings.search_dir)
    try:
        with cassandra.session(settings) as session:
            times = datetime_from_ms(from_ms), datetime_from_ms(to_ms - 1)
            return rebuild(LogHistory(session), writers, *times, told)
    except IndexWriteError as error:
        raise FirstcauseError(
            f"The index in {settings.search_dir} takes no writes ({error}): mend that, and run "
            "this again."
        ) from error
    finally:
        writers.close()
