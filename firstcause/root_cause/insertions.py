"""New lines between two that normal knows as neighbours: news, but no trouble. Pure."""

from __future__ import annotations

from firstcause.root_cause.call_tree import Row
from firstcause.root_cause.durations import Stretch, TimeKey
from firstcause.root_cause.event_key import END, service_of
from firstcause.root_cause.normal import Normal


def known_turns(rows: list[Row], normal: Normal) -> list[Row]:
    """The rows of a trace without new lines around which all goes on as it used to.

    A new release says new things: where a request goes on behind them as it always did, they
    are not what went wrong. Errors stay, for a failure may be caught; and so do lines of services
    that normal does not know.
    """
    kept: list[Row] = []
    news: list[Row] = []
    for row in rows:
        part = normal.services.get(row.event.service_name)
        if part is not None and row.key not in part.events and not row.event.is_error:
            news.append(row)
            continue
        if news and not _are_neighbours(kept[-1].key if kept else END, row.key, normal):
            kept += news
        news = []
        kept.append(row)
    if news and not _are_neighbours(kept[-1].key if kept else END, END, normal):
        kept += news
    return kept


def _are_neighbours(before: str, after: str, normal: Normal) -> bool:
    """True when `after` has followed `before` in normal; anything may begin a trace."""
    if before == END:
        return after != END
    part = normal.services.get(service_of(before))
    if part is None:
        return False
    if after == END:
        return part.ends[before] > 0
    return TimeKey(Stretch.GAP, before, after, END) in part.times
