"""Reads a trace: its spans as a tree, its logs in time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cassandra.cluster import Session

from api.guard.load import Deadline
from api.reading.logs import LogReader
from firstcause.events.span import Span
from firstcause.events.span_tree import in_tree_order
from firstcause.events.trace_ids import trace_id_of
from firstcause.storage.log_history import LogRow
from firstcause.storage.span_history import spans_of_traces

LOGS_MAX: Final = 2_000


@dataclass(frozen=True, slots=True)
class Trace:
    """Spans in the order of the tree with their depth; logs oldest first."""

    trace_id: str
    spans: Sequence[tuple[int, Span]]
    logs: Sequence[LogRow]


def read_trace(session: Session, logs: LogReader, text: str, deadline: Deadline) -> Trace:
    """What is stored of a trace, by any spelling of its id. Blocks; raises the driver's errors."""
    trace_id = trace_id_of(text) or text
    spans = spans_of_traces(session, [trace_id], deadline.left_seconds / 2)
    deadline.check()
    return Trace(trace_id, in_tree_order(spans), logs.of_trace(trace_id, LOGS_MAX))
