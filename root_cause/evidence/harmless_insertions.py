"""Recognises new log lines around which the old sequence continues; they are no evidence. Pure."""

from __future__ import annotations

from root_cause.normal.neighbours import Neighbours
from root_cause.traces.call_tree import Row
from root_cause.traces.event_key import END, level_of, service_of


def known_turns(rows: list[Row], usual: Neighbours) -> list[Row]:
    """The rows of a trace as if new lines that harm nobody had not come.

    A new release says new things, or the old ones in other words, or from another line of the
    code: where a request goes on behind them as it always did, they are not what went wrong. A
    line between two that are neighbours is left out; one in place of another takes its key.
    Errors stay, for a failure may be caught; and so do lines of services that normal does not know.
    """
    kept: list[Row] = []
    news: list[Row] = []
    for row in _news_first(rows, usual):
        if usual.is_new(row.key) and not row.event.is_error:
            news.append(row)
            continue
        kept += _kept(news, kept[-1].key if kept else END, row.key, usual)
        news = []
        kept.append(row)
    kept += _kept(news, kept[-1].key if kept else END, END, usual)
    return kept


def _news_first(rows: list[Row], usual: Neighbours) -> list[Row]:
    """What is new came before what always ends its span, where clocks cannot tell."""
    ordered = list(rows)
    for index in range(1, len(ordered)):
        before, row = ordered[index - 1], ordered[index]
        if (
            (row.span, row.ms) == (before.span, before.ms)
            and usual.is_new(row.key)
            and usual.closes(before.key)
        ):
            ordered[index - 1], ordered[index] = row, before
    return ordered


def _kept(news: list[Row], before: str, after: str, usual: Neighbours) -> list[Row]:
    if not news or before == after == END or usual.are_known(before, after):
        return []
    if len(news) == 1:
        replaced = _replaced(news[0], before, after, usual)
        if replaced is not None:
            return [news[0]._replace(key=replaced)]
    return news


def _replaced(row: Row, before: str, after: str, usual: Neighbours) -> str | None:
    """The line that came in a new one's place, of its service and level; None for none.

    The one with the most words of the new one; of several the one that mostly came.
    """
    words = set(row.key.split())
    options = {
        key: count
        for key, count in usual.after(before).items()
        if key != END
        and service_of(key) == row.event.service_name
        and level_of(key) == row.event.level
        and usual.are_known(key, after)
    }
    return max(
        options,
        key=lambda key: (len(words.intersection(key.split())), options[key], key),
        default=None,
    )
