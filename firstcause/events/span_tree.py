"""Orders the spans of a trace as a tree: each span below its parent. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from firstcause.events.span import Span


def in_tree_order(spans: Iterable[Span]) -> list[tuple[int, Span]]:
    """Every span once, with its depth: callers before callees, else by start.

    A span whose parent is not there begins a tree of its own, and so does the oldest one of
    spans that name each other as parents.
    """
    # Caller and callee may share an id, so all of a span decides.
    oldest_first = sorted(spans, key=lambda span: (span.start_ns, span.span_id, repr(span)))
    known = {span.span_id for span in oldest_first}
    below: dict[str, list[Span]] = defaultdict(list)
    for span in oldest_first:
        if span.parent_span_id is not None:
            below[span.parent_span_id].append(span)
    shown: set[int] = set()

    def walk(root: Span) -> Iterator[tuple[int, Span]]:
        # A stack of our own: a trace may be deeper than Python's.
        waiting = [(0, root)]
        while waiting:
            depth, span = waiting.pop()
            if id(span) in shown:
                continue
            shown.add(id(span))
            yield depth, span
            waiting.extend((depth + 1, one) for one in reversed(below[span.span_id]))

    roots = [span for span in oldest_first if span.parent_span_id not in known]
    return [step for span in (*roots, *oldest_first) for step in walk(span)]
