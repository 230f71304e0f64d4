"""Drops the lines of a stack trace that was logged line by line, except the one with the error."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from firstcause.events.log_event import LogEvent
from log_analyzer import metrics
from log_analyzer.intake.uncommitted_batch import ReadError
from log_templates.stack_trace import is_bare_error, is_source_place, is_stack_line

# Lines of one trace come within so much event time of each other.
NEAR_MS: Final = 1_000
STREAMS_KEPT: Final = 5_000

# A service and its instance: lines of two of them may stand among each other.
_Stream = tuple[str, str | None]


@dataclass(frozen=True, slots=True)
class _Line:
    """What a stream's line was: `told` when it stays an error of its own."""

    at_ms: int
    told: bool
    is_place: bool


class StackLines:
    """Leaves out what only continues an error. Owned by one thread.

    It remembers the last line of each stream, so that a trace may lie across two batches. What is
    left out is stored as a log like any other; it only opens and counts nothing. The first line of
    a trace, with the type of the error, is left out where an error of the same stream stands just
    before it and the trace's lines follow in the same batch.
    """

    def __init__(self) -> None:
        self._last: OrderedDict[_Stream, _Line] = OrderedDict()

    def left_out(self, errors: Sequence[ReadError]) -> list[ReadError]:
        """`errors` without lines that continue another, in their order."""
        followers = _followed_by_stack(errors)
        kept = [
            error
            for place, error in enumerate(errors)
            if self._is_told(error.event, followed=place in followers)
        ]
        while len(self._last) > STREAMS_KEPT:
            self._last.popitem(last=False)
        metrics.STACK_LINES.inc(len(errors) - len(kept))
        return kept

    def _is_told(self, event: LogEvent, *, followed: bool) -> bool:
        stream = (event.service_name, event.instance)
        before = self._last.get(stream)
        near = before is not None and abs(event.timestamp_ms - before.at_ms) <= NEAR_MS
        message = event.message
        told = not is_stack_line(message)
        if told and near and before is not None:
            # The source line that Python prints below a place.
            source = before.is_place and message[:1].isspace()
            head = before.told and followed and is_bare_error(message)
            told = not source and not head
        self._last[stream] = _Line(event.timestamp_ms, told, is_source_place(message))
        self._last.move_to_end(stream)
        return told


def _followed_by_stack(errors: Sequence[ReadError]) -> set[int]:
    """The places of errors whose stream goes on with a line of a stack trace."""
    last: dict[_Stream, int] = {}
    found: set[int] = set()
    for place, error in enumerate(errors):
        event = error.event
        stream = (event.service_name, event.instance)
        if stream in last and is_stack_line(event.message):
            found.add(last[stream])
        last[stream] = place
    return found
