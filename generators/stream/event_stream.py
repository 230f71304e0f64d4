"""A seeded stream of log events: requests arrive, walk the call graph, and leave events."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from firstcause.errors import FirstcauseError
from generators.output.message_batch import MessageBatch
from generators.scenario import SCENARIOS_DIR, FaultEvent, Scenario, load_scenario
from generators.stream.rendered_events import (
    FinishedSpans,
    RenderedEvents,
    in_order,
    joined,
    spans_among,
    taken,
)
from generators.stream.request_shape import RequestShape
from generators.stream.text_table import Indexes, TextTable
from generators.stream.traffic import FaultWindow, Traffic
from generators.stream.walk_clock import work_jitter
from generators.stream.walk_plan import lone_event
from generators.topology_file import DEFAULT_TOPOLOGY, load_topology

# Requests made at once: enough that numpy pays, few enough that memory stays small.
REQUESTS_PER_BLOCK: Final = 8192
LONGEST_BLOCK_SECONDS: Final = 600.0
# Few walks last longer; a block's table of seconds reaches so far beyond it.
LONG_WALK_SECONDS: Final = 60
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class GeneratorParameters:
    """What decides a stream. Equal parameters make byte-identical streams.

    Attributes:
        rate_per_second: log events a second, on average, of healthy traffic.
        duration_seconds: requests start for so long; the last ones may end a little later.
        scenario: name of a fault scenario; None is healthy traffic.
        seed: not negative.
        start: event time of the beginning; with an offset.
        fault_start_seconds: replaces the scenario's own start, from the stream's start.
        fault_duration_seconds: replaces the scenario's own duration.

    Raises:
        FirstcauseError: a value is out of its range.
    """

    rate_per_second: float
    duration_seconds: float
    scenario: str | None = None
    seed: int = 0
    start: datetime = field(default_factory=lambda: datetime.now(UTC))
    fault_start_seconds: float | None = None
    fault_duration_seconds: float | None = None

    def __post_init__(self) -> None:
        if not self.rate_per_second > 0 or not self.duration_seconds > 0:
            raise FirstcauseError("The rate and the duration must be over 0.")
        if self.seed < 0:
            raise FirstcauseError("The seed must not be negative.")
        if self.start.tzinfo is None:
            raise FirstcauseError("The start needs an offset, such as 2026-01-31T12:00:00Z.")

    @property
    def start_us(self) -> int:
        """The start as us since the epoch."""
        return (self.start - _EPOCH) // timedelta(microseconds=1)


class EventStream:
    """The stream of some parameters. `with_spans` adds the spans of the requests.

    Raises (from the constructor):
        FirstcauseError: a mistake in the topology or the scenario, or a fault that would
            start after the stream's end.
    """

    def __init__(
        self,
        parameters: GeneratorParameters,
        *,
        topology_path: Path = DEFAULT_TOPOLOGY,
        scenarios_dir: Path = SCENARIOS_DIR,
        with_spans: bool = False,
    ) -> None:
        self.parameters = parameters
        self._with_spans = with_spans
        self.topology = load_topology(topology_path)
        self.scenario: Scenario | None = (
            load_scenario(parameters.scenario, self.topology, scenarios_dir)
            if parameters.scenario
            else None
        )
        self._fault = _placed(self.scenario, parameters) if self.scenario else None
        self._random = np.random.default_rng(parameters.seed)
        self._jitter = work_jitter(self._random)
        self._table = TextTable(self.topology, parameters.seed)
        self._traffic = Traffic(self.topology, self._fault, self._table, with_spans=with_spans)
        self._fault_shapes = self._compiled_fault_events()
        self._requests_per_second = parameters.rate_per_second / self._traffic.mean_events
        self._key_of_code: npt.NDArray[Any] = np.array(
            [name.encode() for name in self.topology.services], dtype=object
        )

    @property
    def fault_times(self) -> tuple[datetime, datetime] | None:
        """Start and end of the fault in event time; None for healthy traffic."""
        if self._fault is None:
            return None
        start = self.parameters.start
        return (
            start + timedelta(seconds=self._fault.start_seconds),
            start + timedelta(seconds=self._fault.end_seconds),
        )

    def batches(self) -> Iterator[MessageBatch]:
        """Yields all events once, in order of event time; call it once.

        Spans stand between them, each at its end: that is when a service sends it. Memory is
        bounded by a block of requests, whatever the rate and the duration.
        """
        length = min(REQUESTS_PER_BLOCK / self._requests_per_second, LONGEST_BLOCK_SECONDS)
        duration = self.parameters.duration_seconds
        held: list[RenderedEvents] = []
        for block in itertools.count():
            begin, end = block * length, min((block + 1) * length, duration)
            if begin >= duration:
                return
            last = end >= duration
            events = joined([*held, *self._requests(begin, end), *self._fault_events(begin, end)])
            if events is None:
                continue
            events = self._without_lost_logs(events)
            order, ready = in_order(events.times_us, None if last else self._us(end))
            spans = events.spans or FinishedSpans.joined([])
            span_order, spans_ready = in_order(spans.ends_us, None if last else self._us(end))
            batch = self._batch(events, order[:ready])
            if self._with_spans:
                batch = spans_among(batch, spans.taken(span_order[:spans_ready]))
            if len(batch):
                yield batch
            rest = taken(events, order[ready:])
            held = [dataclasses.replace(rest, spans=spans.taken(span_order[spans_ready:]))]

    def _without_lost_logs(self, events: RenderedEvents) -> RenderedEvents:
        fault = self._fault
        if fault is None or fault.scenario.effect != "logs":
            return events
        code = list(self.topology.services).index(fault.scenario.culprit)
        begin, end = self._us(fault.start_seconds), self._us(fault.end_seconds)
        is_lost = (events.services == code) & (events.times_us >= begin) & (events.times_us < end)
        return taken(events, np.flatnonzero(~is_lost))

    def _us(self, seconds: float) -> int:
        return self.parameters.start_us + int(seconds * 1_000_000)

    def _requests(self, begin: float, end: float) -> Iterator[RenderedEvents]:
        self._table.begin_block(
            self._us(begin) // 1_000_000, self._us(end) // 1_000_000 + LONG_WALK_SECONDS
        )
        count = int(self._random.poisson(self._requests_per_second * (end - begin)))
        if not count:
            return
        seconds = np.sort(self._random.uniform(begin, end, count))
        starts_us = self.parameters.start_us + (seconds * 1_000_000).astype(np.int64)
        for shape, rows in self._traffic.choose(seconds, self._random):
            yield shape.render(starts_us[rows], self._random, self._jitter)

    def _fault_events(self, begin: float, end: float) -> Iterator[RenderedEvents]:
        """What the culprit says outside of requests between two times of the stream."""
        fault = self._fault
        if fault is None:
            return
        length = fault.end_seconds - fault.start_seconds
        for event, shape in self._fault_shapes:
            moments = (
                np.array([share * length for share in event.at_share])
                if event.every_seconds is None
                else np.arange(event.every_seconds, length, event.every_seconds)
            )
            seconds = fault.start_seconds + moments
            seconds = seconds[(seconds >= begin) & (seconds < end)]
            if not len(seconds):
                continue
            low, high = event.gauge
            gauge = (low + (high - low) * fault.share_done(seconds)).astype(np.int64)
            starts_us = self.parameters.start_us + (seconds * 1_000_000).astype(np.int64)
            yield shape.render(starts_us, self._random, self._jitter, gauge)

    def _compiled_fault_events(self) -> list[tuple[FaultEvent, RequestShape]]:
        if self.scenario is None:
            return []
        name = self.scenario.culprit
        service = self.topology.services[name]
        codes = {name: list(self.topology.services).index(name)}
        return [
            (
                event,
                RequestShape(
                    lone_event(event.log, name, service, event.logger, event.version),
                    self._table,
                    codes,
                ),
            )
            for event in self.scenario.events
        ]

    def _batch(self, events: RenderedEvents, order: Indexes) -> MessageBatch:
        ready = taken(events, order)
        keys: list[bytes | None] = self._key_of_code[ready.services].tolist()
        return MessageBatch(keys, ready.values, ready.times_us, ready.errors)


def _placed(scenario: Scenario, parameters: GeneratorParameters) -> FaultWindow:
    start, length = parameters.fault_start_seconds, parameters.fault_duration_seconds
    start = scenario.start_seconds if start is None else start
    length = scenario.duration_seconds if length is None else length
    if start >= parameters.duration_seconds:
        raise FirstcauseError(
            f"The fault of {scenario.name} starts after {start:g} s, but the stream ends after "
            f"{parameters.duration_seconds:g} s: take a longer duration."
        )
    return FaultWindow(scenario, start, start + length)
