"""Answers queries from the indexes of the hours, the newest first."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import tantivy
from tantivy import Order, Query

from search.embedded.hours import HourFolders
from search.embedded.reader import HourReaders
from search.embedded.schema import tie_of
from search.embedded.translation import all_of, number_between, translated
from search.engine import (
    MAX_BUCKETS,
    MAX_LIMIT,
    Bucket,
    CursorError,
    IndexAwayError,
    LogKey,
    SearchPage,
)
from search.query.tree import And, Between, Node

_CURSOR: Final = re.compile(
    r"(-?\d{1,18})\.([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})", re.ASCII
)
_ID_BYTES: Final = 36
# More logs than this that share a millisecond and 63 bits of their ids are nobody's accident.
_TWINS: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Place:
    """After which log a page begins: in its millisecond, those whose order is higher."""

    timestamp_ms: int
    log_id: str


class EmbeddedEngine:
    """A SearchEngine over the folders that `HourWriters` fills, in this or another process."""

    def __init__(self, root: Path) -> None:
        self._folders = HourFolders(root)
        self._readers = HourReaders()

    def search(
        self, query: Node, from_ms: int, to_ms: int, limit: int, cursor: str | None = None
    ) -> SearchPage:
        """As the protocol says."""
        if not 1 <= limit <= MAX_LIMIT:
            raise ValueError(f"limit is {limit}; it is 1 to {MAX_LIMIT}")
        after = None if cursor is None else _place(cursor)
        if after is not None:
            to_ms = min(to_ms, after.timestamp_ms + 1)
        wanted = translated(query)
        found: list[LogKey] = []
        for searcher in self._searchers(query, from_ms, to_ms):
            hour = _Hour(searcher, wanted)
            found += hour.newest(from_ms, to_ms, limit + 1 - len(found), after)
            if len(found) > limit:
                last = found[limit - 1]
                return SearchPage(tuple(found[:limit]), f"{last.timestamp_ms}.{last.log_id}")
        return SearchPage(tuple(found))

    def histogram(self, query: Node, from_ms: int, to_ms: int, bucket_ms: int) -> list[Bucket]:
        """As the protocol says."""
        if bucket_ms < 1 or (to_ms - from_ms) // bucket_ms > MAX_BUCKETS:
            raise ValueError(f"bucket_ms is {bucket_ms}; at most {MAX_BUCKETS} buckets are made")
        wanted = _in_time(translated(query), from_ms, to_ms)
        bars: dict[int, Counter[str]] = {}
        asked = {
            "time": {
                "histogram": {"field": "timestamp_ms", "interval": bucket_ms, "min_doc_count": 1},
                "aggs": {"level": {"terms": {"field": "level"}}},
            }
        }
        for searcher in self._searchers(query, from_ms, to_ms):
            for bar in searcher.aggregate(wanted, asked)["time"]["buckets"]:
                levels = {one["key"]: int(one["doc_count"]) for one in bar["level"]["buckets"]}
                bars.setdefault(int(bar["key"]), Counter()).update(levels)
        return [Bucket(start, sum(bars[start].values()), bars[start]) for start in sorted(bars)]

    def _searchers(self, query: Node, from_ms: int, to_ms: int) -> Iterator[tantivy.Searcher]:
        if not self._folders.root.is_dir():
            raise IndexAwayError(
                "There is no search index yet: start the search-indexer with `firstcause up`."
            )
        for _, path in self._folders.between(*_narrowed(query, from_ms, to_ms)):
            searcher = self._readers.searcher(path)
            if searcher is not None:
                yield searcher


class _Hour:
    """One query in the index of one hour."""

    def __init__(self, searcher: tantivy.Searcher, query: Query) -> None:
        self._searcher = searcher
        self._query = query

    def newest(self, from_ms: int, to_ms: int, count: int, after: _Place | None) -> list[LogKey]:
        """At most `count` keys, newest first; those of a millisecond in the order of their ids."""
        found: list[LogKey] = []
        if after is not None:
            if from_ms <= after.timestamp_ms < to_ms:
                found += self._of_millisecond(after.timestamp_ms, count, after)
            to_ms = min(to_ms, after.timestamp_ms)
        missing = count - len(found)
        if missing <= 0:
            return found
        hits = self._hits(_in_time(self._query, from_ms, to_ms), missing, "timestamp_ms")
        if len(hits) < missing:
            return found + self._in_order(hits)
        # The oldest millisecond of these may have more logs than were given.
        oldest = hits[-1][0]
        found += self._in_order([hit for hit in hits if hit[0] > oldest])
        return found + self._of_millisecond(oldest, count - len(found), None)

    def _of_millisecond(self, timestamp_ms: int, count: int, after: _Place | None) -> list[LogKey]:
        lowest = None if after is None else tie_of(after.log_id)
        wanted = _in_time(self._query, timestamp_ms, timestamp_ms + 1)
        higher = wanted if lowest is None else all_of([wanted, _tie(lowest, None)])
        # One more, since the log at the cursor is among them.
        hits = self._hits(higher, count + 1, "tie")
        keys = {self._key(address, timestamp_ms) for _, address in hits}
        if len(hits) > count:
            twins = self._hits(all_of([wanted, _tie(hits[-1][0], hits[-1][0])]), _TWINS, "tie")
            keys |= {self._key(address, timestamp_ms) for _, address in twins}
        if after is not None and lowest is not None:
            place = lowest, after.log_id
            keys = {key for key in keys if (tie_of(key.log_id), key.log_id) > place}
        return sorted(keys, key=_order)[:count]

    def _hits(self, query: Query, limit: int, order_by: str) -> list[tuple[Any, Any]]:
        order = Order.Asc if order_by == "tie" else Order.Desc
        return self._searcher.search(
            query, limit=limit, count=False, order_by_field=order_by, order=order
        ).hits

    def _in_order(self, hits: list[tuple[Any, Any]]) -> list[LogKey]:
        return sorted((self._key(address, time) for time, address in hits), key=_order)

    def _key(self, address: Any, timestamp_ms: int) -> LogKey:
        raw = bytes(self._searcher.doc(address)["key"][0]).decode()
        return LogKey(raw[:_ID_BYTES], raw[_ID_BYTES:], timestamp_ms)


def _order(key: LogKey) -> tuple[int, int, str]:
    return -key.timestamp_ms, tie_of(key.log_id), key.log_id


def _tie(lowest: int, highest: int | None) -> Query:
    return number_between("tie", lowest, highest)


def _in_time(query: Query, from_ms: int, to_ms: int) -> Query:
    return all_of([query, number_between("timestamp_ms", from_ms, to_ms, include_upper=False)])


def _narrowed(query: Node, from_ms: int, to_ms: int) -> tuple[int, int]:
    """The time that matches can have: hours outside of it need no look."""
    for part in query.parts if isinstance(query, And) else (query,):
        if isinstance(part, Between) and part.field == "timestamp_ms":
            from_ms = from_ms if part.lower is None else max(from_ms, int(part.lower))
            to_ms = to_ms if part.upper is None else min(to_ms, int(part.upper) + 1)
    return from_ms, to_ms


def _place(cursor: str) -> _Place:
    match = _CURSOR.fullmatch(cursor)
    if match is None:
        raise CursorError("This cursor is none of this index: start again at the first page.")
    return _Place(int(match[1]), match[2])
