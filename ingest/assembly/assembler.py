"""Assembles lines by stream, in the order of a partition, within bounds of time and size."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ingest.assembly.stack_lines import continues_stack, is_stack_start
from ingest.draft import Draft
from ingest.reading import Position, Reading, open_body

# A stack trace arrives within moments; a piece of a line likewise.
MAX_WAIT_MS: Final = 1_000
MAX_EVENT_CHARS: Final = 512 * 1024
MAX_EVENT_LINES: Final = 2_000
# Events that wait, in a partition: beyond it the oldest is taken as it is.
MAX_HELD_EVENTS: Final = 50_000

_MAY_HAVE_STACK: Final = frozenset({"WARN", "ERROR", "FATAL"})


@dataclass(slots=True)
class AssembledEvent:
    """A draft that is whole, and the position of its first record."""

    draft: Draft
    position: Position
    index: int
    received_ms: int


@dataclass(frozen=True, slots=True)
class Passed:
    """What is not assembled but keeps its place in the order: a dead letter, a span.

    `item` is the caller's own; None stands for a record that holds nothing.
    """

    position: Position
    item: Any


@dataclass(slots=True)
class _Held:
    entry: AssembledEvent | Passed
    opened_ms: int
    lines: list[str] = field(default_factory=list)
    chars: int = 0
    is_open: bool = True
    is_piece: bool = False


@dataclass(slots=True)
class PartitionAssembler:
    """The open lines of one partition.

    Events leave in the order in which their first records came, so that an offset stands for all
    before it: what is behind an open event waits with it, `MAX_WAIT_MS` at most. A pure state
    machine: `now_ms` is given, and equal calls give equal events.
    """

    _queue: deque[_Held] = field(default_factory=deque)
    _open: dict[str, _Held] = field(default_factory=dict)

    def add(self, reading: Reading, position: Position, received_ms: int, now_ms: int) -> None:
        """Takes the events of one record. What is whole by then `ready` gives."""
        for index, draft in enumerate(reading.drafts):
            self._add(AssembledEvent(draft, position, index, received_ms), now_ms)

    def pass_through(self, position: Position, item: Any, now_ms: int) -> None:
        """Takes what needs no assembly, in its order."""
        self._queue.append(_Held(Passed(position, item), now_ms, is_open=False))

    def ready(self, now_ms: int) -> Iterator[AssembledEvent | Passed]:
        """What is whole by now, because its time is over or nothing before it is open.

        The entries of one record leave together, so an offset never stands for half a record.
        """
        while self._queue:
            too_many = len(self._queue) > MAX_HELD_EVENTS
            record = self._first_record()
            if not too_many and any(
                held.is_open and now_ms - held.opened_ms < MAX_WAIT_MS for held in record
            ):
                return
            for held in record:
                self._queue.popleft()
                self._close(held)
                yield held.entry

    def flush(self) -> Iterator[AssembledEvent | Passed]:
        """All that is held, as it is: at the end of a file."""
        while self._queue:
            held = self._queue.popleft()
            self._close(held)
            yield held.entry

    def __len__(self) -> int:
        """How many entries are held."""
        return len(self._queue)

    def first_held_offset(self) -> int | None:
        """The offset of the oldest record whose event has not left; None when none is held."""
        return self._queue[0].entry.position.offset if self._queue else None

    def _first_record(self) -> list[_Held]:
        position = self._queue[0].entry.position
        return list(itertools.takewhile(lambda held: held.entry.position == position, self._queue))

    def _add(self, event: AssembledEvent, now_ms: int) -> None:
        draft = event.draft
        stream = _stream_of(draft)
        before = self._open.get(stream)
        if before is not None and before.is_piece:
            self._join_piece(before, draft)
            return
        text = draft.line or _text(draft)
        if before is not None and _belongs(before, draft, text):
            before.lines.append(text)
            before.chars += len(text) + 1
            if len(before.lines) >= MAX_EVENT_LINES or before.chars >= MAX_EVENT_CHARS:
                self._close(before)
            return
        if before is not None:
            self._close(before)
        held = _Held(event, now_ms, [text], len(text), is_piece=draft.is_piece)
        held.is_open = draft.is_piece or _may_have_stack(draft, text)
        self._queue.append(held)
        if held.is_open:
            self._open[stream] = held

    def _join_piece(self, held: _Held, draft: Draft) -> None:
        held.lines.append(draft.line or _text(draft))
        held.chars += len(held.lines[-1])
        if not draft.is_piece or held.chars >= MAX_EVENT_CHARS:
            self._close(held)

    def _close(self, held: _Held) -> None:
        """Makes one draft of a held event's lines. Harmless when it is closed already."""
        if isinstance(held.entry, Passed):
            return
        if not held.is_open:
            return
        held.is_open = False
        draft = held.entry.draft
        stream = _stream_of(draft)
        if self._open.get(stream) is held:
            del self._open[stream]
        if held.is_piece:
            draft.body = "".join(held.lines)
            draft.is_piece = False
            open_body(draft)
        elif len(held.lines) > 1:
            stack = "\n".join([_text(draft), *held.lines[1:]])
            draft.fields["exception"] = stack.strip()
            if held.lines[0].startswith("Traceback"):
                # The last line of a traceback says what went wrong.
                draft.body = held.lines[-1].strip() or held.lines[0]


def _stream_of(draft: Draft) -> str:
    return "\x1f".join(
        part or ""
        for part in (
            draft.fields.get("service_name"),
            draft.fields.get("instance"),
            draft.stream or draft.attributes.get("stream"),
        )
    )


def _text(draft: Draft) -> str:
    return draft.body if isinstance(draft.body, str) else ""


def _belongs(before: _Held, draft: Draft, text: str) -> bool:
    # A record with a level of its own is no continuation, whatever its text looks like.
    return draft.is_raw_line and draft.level is None and continues_stack(text, before.lines)


def _may_have_stack(draft: Draft, text: str) -> bool:
    return (
        draft.is_raw_line
        and "exception" not in draft.fields
        and (draft.level in _MAY_HAVE_STACK or (draft.level is None and is_stack_start(text)))
    )
