"""Counts of an incident's window, extended backwards from its end to its start."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from typing import Final, NamedTuple

from firstcause.events.log_event import LogEvent
from firstcause.events.span import Span
from root_cause.evidence.clock_shifts import clock_shifts
from root_cause.evidence.harmless_insertions import known_turns
from root_cause.evidence.structure import Example, Outcomes
from root_cause.evidence.timing import Sample
from root_cause.normal.learned_counts import Normal
from root_cause.normal.learner import by_trace, spans_by_trace, without_debug
from root_cause.normal.neighbours import Neighbours
from root_cause.normal.rough_clock_order import likeliest_order
from root_cause.traces.call_tree import Row, count_follows, in_order, rows_by_time
from root_cause.traces.clocks import clock_offsets, on_one_clock
from root_cause.traces.durations import Duration, Stretch, TimeKey, durations_of, spans_of_logs
from root_cause.traces.event_key import END, is_error_key, kind_of
from root_cause.traces.span_order import FollowIndex
from root_cause.traces.steps import Context, Part, Role, Step, steps_of

_NS_PER_MS: Final = 1_000_000
_EXAMPLES: Final = 8


class WindowStep(NamedTuple):
    """A step, the next event in the span it begins in, and whether it leads into a new span."""

    step: Step
    own_next: str
    opens: bool


@dataclass(frozen=True, slots=True)
class TraceFacts:
    """The facts of one trace, or of one event without a trace; `at_ms` is its start."""

    trace_id: str
    at_ms: int
    steps: tuple[WindowStep, ...]
    durations: tuple[Duration, ...]


@dataclass(frozen=True, slots=True)
class WindowFacts:
    """The window's traces, the latest first.

    Attributes:
        clocks_moved: clocks had to be set right by logs alone, which is rough.
    """

    traces: list[TraceFacts]
    clocks_moved: bool


def facts_of(events: Iterable[LogEvent], spans: Iterable[Span], normal: Normal) -> WindowFacts:
    """Collects the facts of a window's traces. A trace with spans is timed by them alone."""
    spans = list(spans)
    events = without_debug(events)
    traces, _ = by_trace(events)
    offsets = clock_offsets(spans) if spans else clock_shifts(traces.values(), normal)
    clocks_moved = bool(offsets) and not spans
    traces, untraced = by_trace(on_one_clock(events, offsets))
    spans_of = spans_by_trace(spans)
    by_time = {trace_id: rows_by_time(found) for trace_id, found in traces.items()}
    follows = FollowIndex(_follows(by_time.values(), normal))
    usual = Neighbours(normal)
    facts = []
    for trace_id in traces.keys() | spans_of.keys():
        rows = in_order(by_time.get(trace_id, []), follows)
        starts_ms = [row.ms for row in rows[:1]]
        if clocks_moved:
            rows = likeliest_order(rows, usual)
        rows = known_turns(rows, usual)
        trace_spans = spans_of.get(trace_id, [])
        starts_ms += [span.start_ns // _NS_PER_MS for span in trace_spans]
        facts.append(
            TraceFacts(
                trace_id,
                min(starts_ms),
                tuple(_window_steps(rows)),
                tuple(durations_of(trace_spans)),
            )
        )
    for event in untraced:
        durations = tuple(durations_of(list(spans_of_logs((event,)))))
        if durations:
            facts.append(TraceFacts(f"#{event.log_id}", event.timestamp_ms, (), durations))
    facts.sort(key=lambda fact: -fact.at_ms)
    return WindowFacts(facts, clocks_moved)


def _window_steps(rows: list[Row]) -> Iterator[WindowStep]:
    following: dict[str, str] = {}
    own_nexts = []
    for row in reversed(rows):
        own_nexts.append(following.get(row.span, END))
        following[row.span] = row.key
    begun: set[str] = set()
    for step, own_next, row, next_row in zip_longest(
        steps_of(rows), reversed(own_nexts), rows, rows[1:]
    ):
        begun.add(row.span)
        yield WindowStep(step, own_next, next_row is not None and next_row.span not in begun)


def _follows(traces: Iterable[list[Row]], normal: Normal) -> Counter[tuple[str, str]]:
    """What follows what: as normal has it, so that both break ties alike; else as seen here."""
    seen: Counter[tuple[str, str]] = Counter()
    for rows in traces:
        count_follows(rows, seen)
    follows: Counter[tuple[str, str]] = Counter()
    known: set[str] = set()
    for part in normal.services.values():
        follows.update(part.follows)
        known.update(part.events)
    follows.update({pair: count for pair, count in seen.items() if pair[1] not in known})
    return follows


class Tally:
    """Counts of what the traces added so far say."""

    def __init__(self, masked: Callable[[str], str]) -> None:
        self._masked = masked
        self.observed: dict[Context, Outcomes] = {}
        self.times: dict[TimeKey, list[Sample]] = defaultdict(list)
        self.roles: dict[TimeKey, tuple[Role, ...]] = {}
        self.traces = 0
        self._error_traces: Counter[str] = Counter()

    @property
    def error_shares(self) -> dict[str, float]:
        """In which share of the traces errors of a kind came."""
        return {kind: count / self.traces for kind, count in self._error_traces.items()}

    def add(self, fact: TraceFacts) -> None:
        """Counts one trace more."""
        for key, ms, trace_id in fact.durations:
            self.times[key].append(Sample(ms, fact.at_ms, trace_id, None))
            if key not in self.roles:
                self.roles[key] = _roles_of(key)
        if not fact.steps:
            return
        self.traces += 1
        kinds: set[str] = set()
        # A request that loops a thousand times is one request.
        visits = Counter(context for one in fact.steps for context in one.step.contexts)
        for step, own_next, opens in fact.steps:
            if is_error_key(step.here):
                kinds.add(self._masked(kind_of(step.here)))
            event = step.next_event or step.event
            shown = Example(event.timestamp_ms, event.log_id, step.gap_ms, own_next, opens)
            for context in step.contexts:
                self._count(context, step.after, fact, shown, 1 / visits[context])
            if step.after and not fact.durations:
                key = TimeKey(Stretch.GAP, step.here, step.after, END)
                self.times[key].append(Sample(step.gap_ms, fact.at_ms, fact.trace_id, event.log_id))
                # Of the ways that two events can be apart, the longest names all who may wait.
                if len(step.roles) > len(self.roles.get(key, ())):
                    self.roles[key] = step.roles
        self._error_traces.update(kinds)

    def _count(
        self, context: Context, after: str, fact: TraceFacts, shown: Example, share: float
    ) -> None:
        outcomes = self.observed.get(context)
        if outcomes is None:
            outcomes = self.observed[context] = Outcomes()
        outcomes.counts[after] = outcomes.counts.get(after, 0.0) + share
        outcomes.traces.add(fact.trace_id)
        examples = outcomes.examples.setdefault(after, [])
        if len(examples) < _EXAMPLES:
            examples.append(shown)


def _roles_of(key: TimeKey) -> tuple[Role, ...]:
    if key.stretch == Stretch.NET:
        return (
            Role(key.one, Part.CALLER, key.other),
            Role(key.other, Part.CALLEE, key.one),
        )
    return (Role(key.one, Part.ITSELF, key.one),)
