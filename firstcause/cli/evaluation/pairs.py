"""Measures and prints how often two faults are two incidents, and one fault is one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import orjson
from rich.table import Table

from firstcause.cli.evaluation.view import print_line, wide_console

if TYPE_CHECKING:
    from firstcause.events.log_event import LogEvent
    from generators.cases.pairs import FaultyStretch, PairedFault
    from generators.cases.simulation.records import Records
    from log_analyzer.incidents.call_graph import CallGraph
    from log_analyzer.trial.incidents import RecordedIncident
    from root_cause.normal.learned_counts import Normal

SYSTEMS: Final = 2
MINUTE_SECONDS: Final = 60
# An incident is a fault's own when it holds two thirds of the errors that this fault alone caused.
OWN_SHARE: Final = 2 / 3
_ANY_TIME_MS: Final = 2**52


@dataclass(frozen=True, slots=True)
class JudgedFault:
    """What became of one fault.

    Attributes:
        share: of the errors that it alone caused, those in its largest incident.
        incidents: how many hold any of them.
        suspect: the first suspect of the largest.
    """

    fault: PairedFault
    incident: RecordedIncident
    share: float
    incidents: int
    suspect: str

    @property
    def is_right(self) -> bool:
        """True when the first suspect is the culprit."""
        return self.suspect == self.fault.culprit


@dataclass(frozen=True, slots=True)
class Judged:
    """What became of a stretch of time with one fault or two."""

    stretch: FaultyStretch
    faults: tuple[JudgedFault, ...]

    @property
    def is_apart(self) -> bool:
        """True when each fault has an incident of its own."""
        ids = {one.incident.incident_id for one in self.faults}
        return len(ids) == len(self.faults) and all(one.share >= OWN_SHARE for one in self.faults)

    @property
    def is_right(self) -> bool:
        """True when each has one, with its culprit as the first suspect."""
        return self.is_apart and all(one.is_right for one in self.faults)

    @property
    def is_one(self) -> bool:
        """True when all errors of each fault are in one incident."""
        return all(one.incidents == 1 for one in self.faults)


def print_pairs(count: int, seed: int, *, as_json: bool) -> None:
    """Makes pairs of faults and as many single ones, groups their errors, and prints the result.

    Takes some seconds a pair: the suspects of each incident are ranked as in the product.
    """
    _silence_logging()
    judged = list(_judged(count, seed, singles=False))
    near = [one for one in judged if one.stretch.gap_seconds < MINUTE_SECONDS]
    far = [one for one in judged if one.stretch.gap_seconds >= MINUTE_SECONDS]
    single = list(_judged(count, seed, singles=True))
    rows = {
        "pairs under a minute apart": _row(near),
        "pairs a minute apart and more": _row(far),
        "single faults": _row(single),
    }
    columns = list(next(iter(rows.values())))
    table = Table("faults")
    for name in columns:
        table.add_column(name.replace("_", " "), justify="right")
    for name, row in rows.items():
        cells = (row[one] for one in columns)
        table.add_row(
            name, *(f"{one:.1%}" if isinstance(one, float) else str(one) for one in cells)
        )
    for one in (*judged, *single):
        if not one.is_right or (len(one.faults) == 1 and not one.is_one):
            print_line(_told(one))
    wide_console().print(table)
    if as_json:
        for name, row in rows.items():
            print(orjson.dumps({"faults": name} | row).decode())  # noqa: T201


def _silence_logging() -> None:
    """The grouping logs each incident, as in the analyzer: here the table tells of them."""
    import logging

    import structlog

    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


def _judged(count: int, seed: int, *, singles: bool) -> Iterator[Judged]:
    from generators.cases.files import baseline, system_with_rate
    from generators.cases.pairs import PairMaker
    from log_analyzer.incidents.call_graph import CallGraph
    from log_analyzer.suspects.trace_spans import calls_of
    from log_analyzer.trial.incidents import traces_of
    from root_cause.normal.learner import learn

    systems = [system_with_rate(seed, number) for number in range(SYSTEMS)]
    healthy = [_events(baseline(system, rate, seed)) for system, rate in systems]
    normals = [learn(events, ()) for events in healthy]
    graphs = [calls_of(traces_of(events).values()) for events in healthy]
    maker = PairMaker(systems, seed)
    for stretch in maker.singles(count) if singles else maker.pairs(count):
        place = stretch.number % SYSTEMS
        yield _judge(stretch, normals[place], CallGraph(graphs[place]))


def _judge(stretch: FaultyStretch, normal: Normal, graph: CallGraph) -> Judged:
    from log_analyzer.trial.incidents import incidents_of, traces_of
    from log_analyzer.trial.suspects import suspects_of

    events = _events(stretch.records)
    traces = traces_of(events)
    incidents = incidents_of(events, graph)
    found = []
    for fault in stretch.faults:
        holding = [one for one in incidents if one.log_ids & fault.log_ids]
        largest = max(holding, key=lambda one: len(one.log_ids & fault.log_ids))
        share = len(largest.log_ids & fault.log_ids) / len(fault.log_ids)
        suspects = suspects_of(largest, incidents, events, traces, normal)
        found.append(
            JudgedFault(fault, largest, share, len(holding), suspects[0] if suspects else "")
        )
    return Judged(stretch, tuple(found))


def _events(records: Records) -> list[LogEvent]:
    from firstcause.events.log_event import read_log_event

    return [read_log_event(orjson.dumps(fields), _ANY_TIME_MS) for _, fields in records.events]


def _row(found: Sequence[Judged]) -> dict[str, float | int]:
    return {
        "stretches": len(found),
        "an_incident_each": _share(one.is_apart for one in found),
        "with_its_culprit_first": _share(one.is_right for one in found),
        "in_one_incident_each": _share(one.is_one for one in found),
    }


def _told(one: Judged) -> str:
    faults = "; ".join(
        f"{each.fault.kind} in {each.fault.culprit}: {each.share:.0%} of its errors in one of "
        f"{each.incidents}, first suspect {each.suspect or 'nobody'}"
        for each in one.faults
    )
    name = "pair" if len(one.faults) > 1 else "single fault"
    merged = "" if one.is_apart or len(one.faults) == 1 else " NOT APART"
    return f"{name} {one.stretch.number}, {one.stretch.gap_seconds} s apart{merged}: {faults}"


def _share(holds: Iterable[bool]) -> float:
    found = list(holds)
    return sum(found) / len(found) if found else 0.0
