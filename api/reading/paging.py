"""A question that is answered a page at a time: its time, and where the page begins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from api.guard.signing import Signer
from api.reading.cursor import Position, continuation_of, next_cursor
from api.reading.times import time_range
from firstcause.storage.stored_time import datetime_from_ms


@dataclass(frozen=True, slots=True)
class TypedTime:
    """From and to as they were typed, and how long before `to` it is without `from`."""

    start: str | None
    end: str | None
    span: timedelta


@dataclass(frozen=True, slots=True)
class PagedQuestion:
    """A question in [start, end].

    Attributes:
        start: that of the first page, also where it was typed as so long before now.
        end: where it ends.
        after: the page begins after it; None for the first page.
    """

    signer: Signer
    text: str
    start: datetime
    end: datetime
    after: Position | None

    def next_cursor(self, following: Position | None) -> str | None:
        """The cursor of the next page; None at the end."""
        return next_cursor(self.signer, self.text, following, self.start)


def paged(
    signer: Signer, words: tuple[object, ...], times: TypedTime, cursor: str | None
) -> PagedQuestion:
    """The question of these words at a cursor, which is good for the same words alone.

    Raises:
        Problem: 400, the cursor is none of this question, or a time cannot be read.
    """
    text = repr((*words, times.start, times.end))
    on = continuation_of(signer, text, cursor)
    start, end = time_range(times.start, times.end, times.span)
    if on is None:
        return PagedQuestion(signer, text, start, end, None)
    return PagedQuestion(signer, text, datetime_from_ms(on.start_ms), end, on.after)
