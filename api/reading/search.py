"""Finds logs by the query language: the index names them, Cassandra has their rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final

from api.guard.problems import Problem
from api.reading.cursor import Position
from api.reading.logs import LogFilter, LogReader
from api.reading.plain_query import plain_query
from firstcause.storage.log_history import LogRow
from firstcause.storage.stored_time import ms_from_datetime
from search.engine import Bucket, CursorError, IndexAwayError, LogKey, SearchEngine
from search.query.mistake import QueryError
from search.query.parser import parse
from search.query.tree import And, Keyword, Node, Or
from search.rows import FoundRow

RowsOf = Callable[[Sequence[LogKey]], list[FoundRow]]

_SECOND: Final = 1_000
_DAY: Final = 86_400 * _SECOND
# Widths of bars that fall on the clock's marks; beyond them whole days.
_WIDTHS_MS: Final = tuple(
    _SECOND * one
    for one in (1, 2, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400)
)


@dataclass(frozen=True, slots=True)
class SearchedPage:
    """Rows newest first.

    Attributes:
        rows: what was found and is stored.
        next: where there is more.
        not_stored: found, but not in Cassandra: not stored yet, or older than it keeps logs.
        degraded: what of the query was not looked at, and why; None when all of it was.
    """

    rows: Sequence[LogRow]
    next: Position | None
    not_stored: int = 0
    degraded: str | None = None


@dataclass(frozen=True, slots=True)
class Histogram:
    """Matches by time in [start_ms, end_ms); buckets without a match are left out."""

    start_ms: int
    end_ms: int
    width_ms: int
    buckets: tuple[Bucket, ...]


def query_of(text: str) -> Node:
    """The tree of a query.

    Raises:
        Problem: 400 with the position of the mistake.
    """
    try:
        return parse(text)
    except QueryError as mistake:
        raise Problem(
            HTTPStatus.BAD_REQUEST, f"q: {mistake}", position=mistake.position
        ) from mistake


class LogSearch:
    """Answers queries; methods block. Safe to share among threads."""

    def __init__(self, engine: SearchEngine, rows_of: RowsOf, logs: LogReader) -> None:
        self._engine = engine
        self._rows_of = rows_of
        self._logs = logs

    def page(
        self,
        query: Node,
        wanted: LogFilter,
        after: Position | None,
        limit: int,
        step: Callable[[], None],
    ) -> SearchedPage:
        """The next `limit` matches after a position; fewer where some are not stored.

        While there is no index, lines come by service, level and time, and `degraded` says so. An
        answer that began without the index goes on without it.

        Raises:
            Problem: 400, too many services to read them one by one.
        """
        reason = "The pages before came without the search index."
        if after is None or after.in_index is not None:
            try:
                return self._found(query, wanted, after, limit, step)
            except IndexAwayError as away:
                reason = str(away)
        return self._without_index(reason, query, wanted, after, limit, step)

    def histogram(self, query: Node, wanted: LogFilter, bars: int) -> Histogram:
        """Matches by time and level in at most `bars` + 1 buckets of one width.

        The time is narrowed to that of the matches where it is much longer.

        Raises:
            IndexAwayError: there is no index.
        """
        asked = _within(query, wanted)
        start, end = _time_of(wanted)
        while True:
            # The last millisecond alone reaches beyond the time that was asked for: an hour is one.
            width = _width(end - start - 1, bars)
            found = self._engine.histogram(asked, start, end, width)
            first, last = (found[0].start_ms, found[-1].start_ms + width) if found else (start, end)
            if (last - first) * 4 > end - start or width == _WIDTHS_MS[0]:
                return Histogram(start, end, width, tuple(found))
            start, end = max(start, first), min(end, last)

    def _found(
        self,
        query: Node,
        wanted: LogFilter,
        after: Position | None,
        limit: int,
        step: Callable[[], None],
    ) -> SearchedPage:
        start, end = _time_of(wanted)
        cursor = after.in_index if after is not None else None
        try:
            page = self._engine.search(_within(query, wanted), start, end, limit, cursor)
        except CursorError as error:
            raise Problem(HTTPStatus.BAD_REQUEST, f"cursor: {error}") from error
        step()
        found = self._rows_of(page.keys)
        # Names are compared in lower case by the index, and as they are by a filter.
        rows = [
            one.row
            for one in found
            if one.row is not None
            and (not wanted.services or one.row["service_name"] in wanted.services)
        ]
        following = None
        if page.next_cursor is not None:
            last = page.keys[-1]
            following = Position(last.timestamp_ms, last.log_id, page.next_cursor)
        return SearchedPage(rows, following, sum(one.row is None for one in found))

    def _without_index(
        self,
        reason: str,
        query: Node,
        wanted: LogFilter,
        after: Position | None,
        limit: int,
        step: Callable[[], None],
    ) -> SearchedPage:
        known = self._logs.services()
        plain = plain_query(query, tuple(wanted.services or sorted(known)), wanted.level)
        degraded = None
        if not plain.is_whole:
            degraded = f"{reason} Until then q is looked at for service and level alone."
        if not plain.services or plain.contradicts:
            return SearchedPage((), None, degraded=degraded)
        narrowed = replace(wanted, services=plain.services, level=plain.level)
        page = self._logs.page(narrowed, after, limit, step)
        return SearchedPage(page.rows, page.next, degraded=degraded)


def _time_of(wanted: LogFilter) -> tuple[int, int]:
    """From and until, in ms since the epoch; the index leaves the end out, a filter does not."""
    return ms_from_datetime(wanted.start), ms_from_datetime(wanted.end) + 1


def _within(query: Node, wanted: LogFilter) -> Node:
    parts: list[Node] = [query]
    services = tuple(Keyword("service", one) for one in wanted.services)
    if services:
        parts.append(services[0] if len(services) == 1 else Or(services))
    if wanted.level is not None:
        parts.append(Keyword("level", wanted.level))
    return parts[0] if len(parts) == 1 else And(tuple(parts))


def _width(span_ms: int, bars: int) -> int:
    for width in _WIDTHS_MS:
        if span_ms <= width * bars:
            return width
    return -(-span_ms // (bars * _DAY)) * _DAY
