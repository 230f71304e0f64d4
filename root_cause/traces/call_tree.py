"""Orders the events of one trace and finds which span called which. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from firstcause.events.log_event import LogEvent
from root_cause.traces.event_key import END, event_key, kind_of
from root_cause.traces.span_order import FollowIndex, Follows, SpanOrder

NOTHING_FOLLOWS: Final[Follows] = {}


class Row(NamedTuple):
    """One event in its trace. `span` is its span's id, or a generated one."""

    ms: int
    key: str
    span: str
    event: LogEvent


def rows_of(events: Iterable[LogEvent], follows: Follows = NOTHING_FOLLOWS) -> list[Row]:
    """The events of one trace as they happened; the order in which they come does not matter.

    Clocks count milliseconds, so many events share one. Within a millisecond a span goes on
    first, then spans that have begun, the latest first, then new ones; and within a span comes
    first what follows most often where times differ. Names and log ids decide nothing, and
    neither do lines that are new to `follows`: what follows goes by the last one known.
    """
    return in_order(rows_by_time(events), follows)


def rows_by_time(events: Iterable[LogEvent]) -> list[Row]:
    """The events of one trace by their times alone, each with its key and its span, once."""
    rows = [
        Row(event.timestamp_ms, event_key(event), event.span_id or "", event) for event in events
    ]
    if len(rows) > 1:
        rows.sort(key=lambda row: (row.ms, kind_of(row.key), row.event.message))
        rows = _without_copies(rows)
    return rows if all(row.span for row in rows) else _with_spans(rows)


def in_order(rows: list[Row], follows: Follows | FollowIndex) -> list[Row]:
    """Such rows as they happened; see `rows_of`. For many traces give an index, made once."""
    known = follows if isinstance(follows, FollowIndex) else FollowIndex(follows)
    follows = known.follows
    within_span = SpanOrder(known)
    ordered: list[Row] = []
    turn_of: dict[str, int] = {}
    begin = 0
    while begin < len(rows):
        end = begin + 1
        while end < len(rows) and rows[end].ms == rows[begin].ms:
            end += 1
        moment = rows[begin:end]
        begin = end
        if len(moment) == 1:
            ordered += moment
            turn_of[moment[0].span] = len(ordered)
            within_span.said(moment[0].span, moment[0].key)
            continue
        spans: dict[str, list[Row]] = {}
        best_start: dict[str, tuple[int, int]] = {}
        for index, row in enumerate(moment):
            spans.setdefault(row.span, []).append(row)
            if row.span not in turn_of:
                start = (-follows.get((END, row.key), 0), index)
                best_start[row.span] = min(start, best_start.get(row.span, start))
        # A span is left only when all of its rows of the millisecond are through.
        begun = [span for span in spans if span in turn_of]
        begun.sort(key=turn_of.__getitem__, reverse=True)
        for span in (*begun, *sorted(best_start, key=best_start.__getitem__)):
            ordered += within_span.of(span, spans[span])
            turn_of[span] = len(ordered)
    return ordered


def _without_copies(rows: list[Row]) -> list[Row]:
    """Without events delivered twice under another log id; `rows` are sorted."""
    seen: set[tuple[int, str, str, str]] = set()
    kept = []
    for row in rows:
        mark = (row.ms, row.key, row.span, row.event.message)
        if mark not in seen:
            seen.add(mark)
            kept.append(row)
    return kept


def _with_spans(rows: list[Row]) -> list[Row]:
    """Spans for events that have none: a service goes on until one that waits for it speaks."""
    open_calls: list[tuple[str, str]] = []
    found: list[Row] = []
    for row in rows:
        if not row.span:
            name = row.event.service_name
            names = [call[0] for call in open_calls]
            if name in names:
                del open_calls[names.index(name) + 1 :]
            else:
                open_calls.append((name, f"#{len(found)}"))
            row = row._replace(span=open_calls[-1][1])  # noqa: PLW2901
        found.append(row)
    return found


def count_follows(rows: list[Row], counts: Counter[tuple[str, str]]) -> None:
    """Adds the pairs of neighbours within spans, where both are alone in their milliseconds.

    So the order within a millisecond makes no difference: `rows_by_time` will do.
    """
    moments = Counter((row.span, row.ms) for row in rows)
    last: dict[str, Row] = {}
    for row in rows:
        if moments[row.span, row.ms] == 1:
            before = last.get(row.span)
            if before is None:
                counts[END, row.key] += 1
            elif moments[row.span, before.ms] == 1:
                counts[before.key, row.key] += 1
        last[row.span] = row


def parents_of(rows: list[Row]) -> dict[str, str | None]:
    """The span that called each span of a trace; None for the first.

    By its ids where a parent has logged too. Else it is the innermost span that is still open;
    a span counts as open while it has events to come.
    """
    last = {row.span: index for index, row in enumerate(rows)}
    parents: dict[str, str | None] = {}
    open_spans: list[str] = []
    for index, row in enumerate(rows):
        if row.span in parents:
            continue
        named = row.event.parent_span_id
        if named is not None and named in parents:
            parents[row.span] = named
        else:
            while open_spans and last[open_spans[-1]] < index:
                open_spans.pop()
            parents[row.span] = open_spans[-1] if open_spans else None
        open_spans.append(row.span)
    return parents
