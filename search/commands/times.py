"""The times that people give to the commands of search."""

from __future__ import annotations

from datetime import datetime, timedelta

import typer

from firstcause.storage.stored_time import ms_from_datetime
from firstcause.text.typed_time import parse_range


def typed_times(
    start: str | None, end: str | None, now: datetime, span: timedelta
) -> tuple[int, int]:
    """[from, to) in ms since the epoch; without `--from` the `span` before `--to`.

    Raises:
        typer.BadParameter: a text is no time.
    """
    try:
        since, until = parse_range(start, end, span, now)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    # An open end is now, this millisecond included.
    return ms_from_datetime(since), ms_from_datetime(until) + (end is None)
