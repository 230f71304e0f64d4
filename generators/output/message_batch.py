"""Batches of messages, and pacing by event time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

PACING_TICK_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class MessageBatch:
    """Messages ready to send, as parallel columns.

    Attributes:
        keys: the service's name, one a message; None where a line of a file has none. Of a
            span, its trace id.
        values: one log event or span a message, UTF-8 JSON without a line end. (Replayed lines
            may be anything.)
        times_us: event times, us since the epoch, never descending. Of a span, its end.
        errors: marks the events whose level is ERROR or FATAL.
        spans: marks the spans; None: there are none.
    """

    keys: list[bytes | None]
    values: list[bytes]
    times_us: npt.NDArray[np.int64]
    errors: npt.NDArray[np.bool_]
    spans: npt.NDArray[np.bool_] | None = None

    def __len__(self) -> int:
        return len(self.values)

    @property
    def first_error_us(self) -> int | None:
        """Event time of the first ERROR or FATAL, us since the epoch; None without one."""
        return int(self.times_us[np.argmax(self.errors)]) if self.errors.any() else None

    def part(self, first: int, end: int) -> MessageBatch:
        """The messages from `first` up to and without `end`."""
        return MessageBatch(
            self.keys[first:end],
            self.values[first:end],
            self.times_us[first:end],
            self.errors[first:end],
            None if self.spans is None else self.spans[first:end],
        )

    def logs_alone(self) -> MessageBatch:
        """The log events of this batch."""
        return self if self.spans is None else self.where(~self.spans)

    def spans_alone(self) -> MessageBatch:
        """The spans of this batch."""
        return self.part(0, 0) if self.spans is None else self.where(self.spans)

    def where(self, wanted: npt.NDArray[np.bool_]) -> MessageBatch:
        """The messages that a mask, one a message, marks; the mask of spans is not kept."""
        places = np.flatnonzero(wanted).tolist()
        return MessageBatch(
            [self.keys[at] for at in places],
            [self.values[at] for at in places],
            self.times_us[wanted],
            self.errors[wanted],
        )


def paced(
    batches: Iterable[MessageBatch],
    *,
    origin_us: int | None = None,
    speed: float = 1.0,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[MessageBatch]:
    """Yields each message when its event time has come; sleeps between.

    Args:
        batches: in order of event time.
        origin_us: the event time of the moment when this starts; the first message's unless
            given.
        speed: 2.0 goes through event time twice as fast as the clock.
        clock: seconds that only grow.
        sleep: waits for some seconds.
    """
    began = clock()
    for batch in batches:
        if not len(batch):
            continue
        if origin_us is None:
            origin_us = int(batch.times_us[0])
        sent = 0
        while True:
            now_us = origin_us + (clock() - began) * speed * 1_000_000
            due = int(np.searchsorted(batch.times_us, now_us, side="right"))
            if due > sent:
                yield batch.part(sent, due)
                sent = due
            if sent == len(batch):
                break
            wait = (int(batch.times_us[sent]) - now_us) / 1_000_000 / speed
            sleep(max(wait, PACING_TICK_SECONDS))
