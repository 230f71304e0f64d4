"""Orders a trace's events when clocks are corrected only roughly. Pure."""

from __future__ import annotations

from typing import Final

from root_cause.normal.neighbours import Neighbours
from root_cause.traces.call_tree import Row
from root_cause.traces.event_key import END

# How far two clocks may still be apart after they were set right by logs.
UNSURE_MS: Final = 25


def likeliest_order(rows: list[Row], usual: Neighbours) -> list[Row]:
    """The rows of a trace; where clocks leave the order open, in the order of normal.

    The events of one span stay in their order. Of the next events of all spans that are not later
    than the earliest by more than `UNSURE_MS`, that comes first which most often follows the last.
    """
    waiting: dict[str, list[Row]] = {}
    for row in reversed(rows):
        waiting.setdefault(row.span, []).append(row)
    ordered: list[Row] = []
    last = END
    while waiting:
        heads = [own[-1] for own in waiting.values()]
        until_ms = min(row.ms for row in heads) + UNSURE_MS
        after = usual.after(last)
        row = max(
            (row for row in heads if row.ms <= until_ms),
            key=lambda row: (after.get(row.key, 0), -row.ms),
        )
        ordered.append(row)
        last = row.key
        waiting[row.span].pop()
        if not waiting[row.span]:
            del waiting[row.span]
    return ordered
