"""Columns of rendered events and spans: concatenation, selection, merging by time."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from generators.output.message_batch import MessageBatch
from generators.stream.text_table import Indexes


@dataclass(frozen=True, slots=True)
class FinishedSpans:
    """Spans: JSON values, and beside each its trace id and its end (us since the epoch)."""

    values: list[bytes]
    traces: list[bytes]
    ends_us: Indexes

    def taken(self, order: Indexes) -> FinishedSpans:
        """The spans at these places, in this order."""
        places = order.tolist()
        return FinishedSpans(
            [self.values[at] for at in places],
            [self.traces[at] for at in places],
            self.ends_us[order],
        )

    @classmethod
    def joined(cls, parts: Iterable[FinishedSpans | None]) -> FinishedSpans:
        """All spans of the parts, one part after the other."""
        there = [part for part in parts if part is not None]
        return cls(
            list(itertools.chain.from_iterable(part.values for part in there)),
            list(itertools.chain.from_iterable(part.traces for part in there)),
            np.concatenate([np.empty(0, np.int64), *(part.ends_us for part in there)]),
        )


@dataclass(frozen=True, slots=True)
class RenderedEvents:
    """Events of several requests: values, and beside each its time, service and error mark.

    `spans` are the requests' spans, where they were asked for.
    """

    values: list[bytes]
    times_us: Indexes
    services: Indexes
    errors: npt.NDArray[np.bool_]
    spans: FinishedSpans | None = None


def joined(parts: list[RenderedEvents]) -> RenderedEvents | None:
    """All events of the parts, one part after the other; None without parts."""
    if not parts:
        return None
    return RenderedEvents(
        list(itertools.chain.from_iterable(part.values for part in parts)),
        np.concatenate([part.times_us for part in parts]),
        np.concatenate([part.services for part in parts]),
        np.concatenate([part.errors for part in parts]),
        FinishedSpans.joined(part.spans for part in parts),
    )


def in_order(times_us: Indexes, end_us: int | None) -> tuple[Indexes, int]:
    """The order of time, and how many come before `end_us` (None: all).

    What a later request may still precede waits for the next block.
    """
    order = np.argsort(times_us, kind="stable")
    if end_us is None:
        return order, len(order)
    return order, int(np.searchsorted(times_us[order], end_us))


def spans_among(batch: MessageBatch, spans: FinishedSpans) -> MessageBatch:
    """The batch with the spans between its log events, in order of time."""
    times = np.concatenate([batch.times_us, spans.ends_us])
    order = np.argsort(times, kind="stable")
    places = order.tolist()
    keys: list[bytes | None] = [*batch.keys, *spans.traces]
    values = [*batch.values, *spans.values]
    return MessageBatch(
        [keys[at] for at in places],
        [values[at] for at in places],
        times[order],
        np.concatenate([batch.errors, np.zeros(len(spans.values), np.bool_)])[order],
        order >= len(batch),
    )


def taken(events: RenderedEvents, order: Indexes) -> RenderedEvents:
    """The events at these places, in this order; without spans."""
    values = events.values
    return RenderedEvents(
        [values[at] for at in order.tolist()],
        events.times_us[order],
        events.services[order],
        events.errors[order],
    )
