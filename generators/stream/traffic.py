"""Chooses the requests: entries and background events, healthy, refused or faulty."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from generators.scenario import Scenario
from generators.stream.call_walk import CallWalk, Outcome
from generators.stream.request_shape import RequestShape
from generators.stream.text_table import Indexes, TextTable
from generators.stream.walk_plan import lone_event
from generators.topology import OperationRef, Topology

# Ways of telling the same walk, so that messages vary from request to request.
VARIANTS: Final = 6
# In the place of a shape.
_NEVER_CAME: Final = -1

Shares = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class FaultWindow:
    """A fault in the stream's time: seconds from the stream's start."""

    scenario: Scenario
    start_seconds: float
    end_seconds: float

    def share_done(self, seconds: Shares) -> Shares:
        """How far through the fault these times are: 0 at its start, 1 at its end."""
        length = self.end_seconds - self.start_seconds
        return np.clip((seconds - self.start_seconds) / length, 0.0, 1.0)

    def affected_share(self, seconds: Shares) -> Shares:
        """Which share of the culprit's calls the fault touches at these times."""
        at_start, at_end = self.scenario.affected_share
        share = at_start + (at_end - at_start) * self.share_done(seconds)
        within = (seconds >= self.start_seconds) & (seconds < self.end_seconds)
        return np.where(within, share, 0.0)


@dataclass(frozen=True, slots=True)
class _Source:
    """One thing that leaves events: an entry, or a kind of background event."""

    weight: float
    healthy: range
    rejected: range
    rejected_share: float
    # One range of shapes a fault mode; none where the fault does not reach.
    faulty: tuple[range, ...] = ()
    # True where its requests come to what the fault touches.
    is_reached: bool = False


class Traffic:
    """All shapes of requests of a topology under a fault, and how often each comes."""

    def __init__(
        self,
        topology: Topology,
        fault: FaultWindow | None,
        table: TextTable,
        *,
        with_spans: bool = False,
    ) -> None:
        self._with_spans = with_spans
        self.shapes: list[RequestShape] = []
        self._topology = topology
        self._fault = fault
        self._table = table
        self._codes = {name: code for code, name in enumerate(topology.services)}
        entries = [self._entry(ref, weight) for ref, weight in topology.entries.items()]
        self._sources = [*entries, *self._backgrounds(entries)]
        weights = np.array([source.weight for source in self._sources])
        self._shares = weights / weights.sum()
        self.mean_events = float(
            np.dot(self._shares, [self._mean_events(source) for source in self._sources])
        )
        modes = fault.scenario.modes if fault else ()
        self._loses_requests = fault is not None and fault.scenario.effect == "requests"
        self._mode_ends = np.cumsum([mode.share for mode in modes])

    def choose(
        self, seconds: Shares, random: np.random.Generator
    ) -> Iterator[tuple[RequestShape, Indexes]]:
        """Chooses a shape for each request that starts at these times from the stream's start.

        Yields:
            Each shape chosen, and which of the requests go that way.
        """
        count = len(seconds)
        sources = random.choice(len(self._sources), count, p=self._shares)
        luck, mode_luck, pick = random.random(count), random.random(count), random.random(count)
        fault_shares = self._fault.affected_share(seconds) if self._fault else np.zeros(count)
        chosen = np.zeros(count, dtype=np.int64)
        modes = np.searchsorted(self._mode_ends, mode_luck, side="right")
        modes = np.minimum(modes, max(len(self._mode_ends) - 1, 0))
        for number, source in enumerate(self._sources):
            mine = sources == number
            hit = mine & (luck < fault_shares) & bool(source.faulty)
            # The same luck decides both, from its two ends.
            refused = mine & ~hit & (luck > 1 - source.rejected_share)
            chosen[mine] = _pick(source.healthy, pick[mine])
            if self._loses_requests and source.is_reached:
                chosen[mine & (luck < fault_shares)] = _NEVER_CAME
                refused &= chosen != _NEVER_CAME
            if source.rejected_share:
                chosen[refused] = _pick(source.rejected, pick[refused])
            for mode, shapes in enumerate(source.faulty):
                so = hit & (modes == mode)
                chosen[so] = _pick(shapes, pick[so])
        order = np.argsort(chosen, kind="stable")
        order = order[np.searchsorted(chosen[order], 0) :]
        if not len(order):
            return
        numbers, firsts = np.unique(chosen[order], return_index=True)
        for shape, rows in zip(numbers, np.split(order, firsts[1:]), strict=True):
            yield self.shapes[shape], rows

    def _mean_events(self, source: _Source) -> float:
        return float(np.mean([self.shapes[number].event_count for number in source.healthy]))

    def _entry(self, entry: OperationRef, weight: float) -> _Source:
        reached = list(dict.fromkeys(self._topology.reachable(entry)))
        refusals = {
            ref: rejection.share
            for ref in reached
            if (rejection := self._topology.operation(ref).rejection)
        }
        first = len(self.shapes)
        for ref in refusals:
            self._add(entry, Outcome(rejected_at=ref), 2)
        rejected = range(first, len(self.shapes))
        faulty: list[range] = []
        is_reached = False
        if self._fault:
            affected = self._fault.scenario.affected(self._topology)
            is_reached = bool(affected & set(reached))
            if is_reached:
                faulty = [
                    self._add(entry, Outcome(None, mode, affected), VARIANTS)
                    for mode in self._fault.scenario.modes
                ]
        healthy = self._add(entry, Outcome(), VARIANTS)
        return _Source(weight, healthy, rejected, sum(refusals.values()), tuple(faulty), is_reached)

    def _add(self, entry: OperationRef, outcome: Outcome, variants: int) -> range:
        first = len(self.shapes)
        for number in range(variants):
            # The same code on every day: of the seed only who takes which way, and when. Until
            # it fails, a request goes the way of a healthy one.
            choices = random.Random(f"{entry} {number}")  # noqa: S311 - keeps no secret
            plan = CallWalk(self._topology, outcome, choices).plan(entry)
            self.shapes.append(
                RequestShape(plan, self._table, self._codes, with_spans=self._with_spans)
            )
        return range(first, len(self.shapes))

    def _backgrounds(self, entries: list[_Source]) -> Iterator[_Source]:
        share = self._topology.background_share
        if not share:
            return
        # A request leaves many events, and a background event is one.
        events = sum(source.weight * self._mean_events(source) for source in entries)
        kinds = [
            (name, template)
            for name, service in self._topology.services.items()
            for template in service.background
        ]
        unit = events * share / (1 - share) / sum(template.weight for _, template in kinds)
        for name, template in kinds:
            plan = lone_event(template, name, self._topology.services[name], "Runtime")
            self.shapes.append(RequestShape(plan, self._table, self._codes))
            only = range(len(self.shapes) - 1, len(self.shapes))
            yield _Source(unit * template.weight, only, range(0), 0.0)


def _pick(shapes: range, luck: Shares) -> Indexes:
    return (shapes.start + luck * len(shapes)).astype(np.int64)
