"""Orders a span's events that share one millisecond. Pure."""

from __future__ import annotations

import heapq
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Final, Protocol, TypeVar

from root_cause.traces.event_key import END

# How often one event followed another within a span, at times that clocks could tell apart.
Follows = Mapping[tuple[str, str], int]

# Up to so many are compared one by one: cheaper than an index of all that follows anything.
_FEW: Final = 16


class Keyed(Protocol):
    """What has the key of an event."""

    @property
    def key(self) -> str:
        """Its service, level and place; see `event_key`."""
        ...


_Row = TypeVar("_Row", bound=Keyed)


class FollowIndex:
    """What follows what, looked at once for all traces; `follows` must not change any more."""

    def __init__(self, follows: Follows) -> None:
        self.follows = follows
        self.known: Final = frozenset(before for before, _ in follows)

    @cached_property
    def successors(self) -> dict[str, list[tuple[str, int]]]:
        """The events that came after each event, with their counts."""
        found: dict[str, list[tuple[str, int]]] = defaultdict(list)
        for (before, key), count in self.follows.items():
            if count > 0:
                found[before].append((key, count))
        return found


class SpanOrder:
    """Orders the rows of a trace's spans, a millisecond after the other.

    First comes what follows most often what the span said last, of equal ones the first given.
    What the span said last is the last one that the index knows, or its very first.
    """

    def __init__(self, index: FollowIndex) -> None:
        self._index = index
        self._follows = index.follows
        self._known = index.known
        self._last: dict[str, str] = {}

    def of(self, span: str, rows: Sequence[_Row]) -> list[_Row]:
        """The rows of one millisecond of a span in their order; n of them take n log n steps."""
        if len(rows) == 1:
            self.said(span, rows[0].key)
            return list(rows)
        if len(rows) <= _FEW:
            return self._of_few(span, list(rows))
        return self._of_many(span, rows)

    def _of_few(self, span: str, rows: list[_Row]) -> list[_Row]:
        ordered: list[_Row] = []
        while rows:
            last = self._last.get(span, END)
            counts = [self._follows.get((last, row.key), 0) for row in rows]
            row = rows.pop(counts.index(max(counts)))
            self.said(span, row.key)
            ordered.append(row)
        return ordered

    def _of_many(self, span: str, rows: Sequence[_Row]) -> list[_Row]:
        waiting: dict[str, deque[int]] = defaultdict(deque)
        for index, row in enumerate(rows):
            waiting[row.key].append(index)
        # For what was said last: what follows it and is waiting, the most frequent first.
        likeliest: dict[str, list[tuple[int, int, str]]] = {}
        taken: set[int] = set()
        first = 0
        ordered: list[_Row] = []
        while len(ordered) < len(rows):
            last = self._last.get(span, END)
            if last not in likeliest:
                likeliest[last] = [
                    (-count, waiting[key][0], key)
                    for key, count in self._index.successors.get(last, ())
                    if waiting.get(key)
                ]
                heapq.heapify(likeliest[last])
            likely = _next_of(likeliest[last], waiting)
            while first in taken:
                first += 1
            index = first if likely is None else likely
            row = rows[index]
            waiting[row.key].popleft()
            taken.add(index)
            self.said(span, row.key)
            ordered.append(row)
        return ordered

    def said(self, span: str, key: str) -> None:
        """Notes what a span said that is alone in its millisecond."""
        if key in self._known or span not in self._last:
            self._last[span] = key


def _next_of(heap: list[tuple[int, int, str]], waiting: Mapping[str, deque[int]]) -> int | None:
    """The index of the likeliest that waits; entries that are out of date are set right."""
    while heap:
        count, index, key = heap[0]
        if not waiting[key]:
            heapq.heappop(heap)
        elif waiting[key][0] != index:
            heapq.heapreplace(heap, (count, waiting[key][0], key))
        else:
            return index
    return None
