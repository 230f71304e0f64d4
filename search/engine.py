"""The door to an index: what each search engine answers, whichever it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from firstcause.errors import FirstcauseError
from search.query.tree import Node

MAX_LIMIT: Final = 10_000
MAX_BUCKETS: Final = 5_000


@dataclass(frozen=True, slots=True)
class LogKey:
    """Names one stored log; its row is in Cassandra.

    Attributes:
        log_id: UUID text in lower case.
        service_name: as stored.
        timestamp_ms: event time, ms since the epoch.
    """

    log_id: str
    service_name: str
    timestamp_ms: int


@dataclass(frozen=True, slots=True)
class SearchPage:
    """Keys, newest first, and the cursor of the next page; None when this was the last."""

    keys: tuple[LogKey, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Bucket:
    """A bar of a histogram: matches in [start_ms, start_ms + width), in all and by level."""

    start_ms: int
    count: int
    by_level: Mapping[str, int] = field(default_factory=dict)


class CursorError(FirstcauseError):
    """The cursor is none that this engine gave."""


class IndexAwayError(FirstcauseError):
    """There is no index, or it can't be read now; the text says what to do."""


class SearchEngine(Protocol):
    """Answers queries over [from_ms, to_ms), event time in ms since the epoch.

    Safe for many threads. Every method blocks for as long as the query takes, sees what was
    indexed before the call within a second or two, and raises IndexAwayError.
    """

    def search(
        self, query: Node, from_ms: int, to_ms: int, limit: int, cursor: str | None = None
    ) -> SearchPage:
        """At most `limit` (1 to MAX_LIMIT) matches, newest first, after the cursor's page.

        Pages are stable: while logs are written, each match that was there at the first page comes
        once.

        Raises:
            CursorError: the cursor is forged or broken.
            ValueError: the limit is out of its bounds.
        """

    def histogram(self, query: Node, from_ms: int, to_ms: int, bucket_ms: int) -> list[Bucket]:
        """Matches by time, oldest first, buckets without a match left out.

        A bucket starts at a multiple of `bucket_ms`.

        Raises:
            ValueError: `bucket_ms` is below 1, or makes more than MAX_BUCKETS buckets.
        """
