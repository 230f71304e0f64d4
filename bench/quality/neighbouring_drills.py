"""How fault drills a minute apart come out, grouped and ranked by the analyzer without services.

The scenarios of the simulated shop follow one another by turns, as in `bench.live.drills`. For each
drill the table says whether it has an incident of its own, and whom that suspects first.

    python -m bench.quality.neighbouring_drills --seeds 1 101 201
"""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog

from firstcause.events.log_event import LogEvent, read_log_event
from generators.fault_drill import FaultDrill
from generators.output.message_batch import MessageBatch
from generators.scenario import failing_scenario_names
from generators.stream.event_stream import EventStream, GeneratorParameters
from log_analyzer.incidents.call_graph import CallGraph
from log_analyzer.suspects.trace_spans import calls_of
from log_analyzer.trial.incidents import RecordedIncident, incidents_of, traces_of
from log_analyzer.trial.suspects import suspects_of
from root_cause.normal.learned_counts import Normal
from root_cause.normal.learner import learn

APART_SECONDS: Final = 60.0
RATE: Final = 50.0
SECONDS: Final = 45.0
FAULT_AFTER_SECONDS: Final = 5.0
HEALTHY_SECONDS: Final = 600.0
# Healthy time has a seed of its own.
HEALTHY_SEED: Final = 99
START: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)
# Less than the time after which a scenario comes again.
QUIET_MS: Final = 300_000
_ANY_TIME_MS: Final = 2**52


@dataclass(frozen=True, slots=True)
class DrillOutcome:
    """What became of one drill.

    Attributes:
        is_alone: its largest incident is no other drill's largest one.
        suspects: those of its largest incident, the likeliest first; empty without an incident.
    """

    scenario: str
    culprit: str
    is_alone: bool
    suspects: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        """True when it has an incident of its own, with its culprit first."""
        return self.is_alone and self.suspects[:1] == (self.culprit,)


@dataclass(frozen=True, slots=True)
class Healthy:
    """What is learned of healthy time: what is normal, and which service calls which."""

    normal: Normal
    graph: CallGraph


def learned(seconds: float = HEALTHY_SECONDS) -> Healthy:
    """What is learned of so much healthy time, two hours before the drills."""
    start = START - timedelta(hours=2)
    stream = EventStream(GeneratorParameters(RATE, seconds, seed=HEALTHY_SEED, start=start))
    events = _events(stream.batches())
    return Healthy(learn(events, ()), CallGraph(calls_of(traces_of(events).values())))


def drilled(scenarios: Sequence[str], seed: int, healthy: Healthy) -> list[DrillOutcome]:
    """What becomes of these scenarios, each a minute after the one before. Takes a second each."""
    events: list[LogEvent] = []
    errors: list[set[str]] = []
    culprits = []
    for number, scenario in enumerate(scenarios):
        drill = FaultDrill(
            GeneratorParameters(
                RATE,
                SECONDS,
                scenario=scenario,
                seed=seed + number,
                start=START + number * timedelta(seconds=APART_SECONDS),
                fault_start_seconds=FAULT_AFTER_SECONDS,
                fault_duration_seconds=SECONDS - FAULT_AFTER_SECONDS,
            )
        )
        own = _events(drill.batches(real_time=False))
        events += own
        errors.append({one.log_id for one in own if one.is_error})
        culprits.append(drill.culprit)
    traces = traces_of(events)
    incidents = incidents_of(events, healthy.graph, quiet_ms=QUIET_MS, reopen_ms=0)
    largest = [_largest(incidents, one) for one in errors]
    shared = Counter(one.incident_id for one in largest if one is not None)
    return [
        DrillOutcome(
            scenario,
            culprit,
            incident is not None and shared[incident.incident_id] == 1,
            suspects_of(incident, incidents, events, traces, healthy.normal) if incident else (),
        )
        for scenario, culprit, incident in zip(scenarios, culprits, largest, strict=True)
    ]


def main() -> None:
    """Prints a line for each drill, and how many are right; see --help."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--drills", type=int, default=8)
    options.add_argument("--seeds", type=int, nargs="+", default=[1])
    given = options.parse_args()
    names = failing_scenario_names()
    healthy = learned()
    right = 0
    print("| seed | drill | culprit | first suspects | |")
    print("|---:|---|---|---|---|")
    for seed in given.seeds:
        for one in drilled([names[at % len(names)] for at in range(given.drills)], seed, healthy):
            right += one.is_right
            verdict = "right" if one.is_right else "wrong" if one.is_alone else "shared"
            first = ", ".join(one.suspects[:3])
            print(f"| {seed} | {one.scenario} | {one.culprit} | {first} | {verdict} |")
    print(f"Right: {right} of {given.drills * len(given.seeds)}.")


def _events(batches: Iterable[MessageBatch]) -> list[LogEvent]:
    return [read_log_event(value, _ANY_TIME_MS) for batch in batches for value in batch.values]


def _largest(incidents: Sequence[RecordedIncident], errors: set[str]) -> RecordedIncident | None:
    found = max(incidents, key=lambda one: len(one.log_ids & errors), default=None)
    return found if found is not None and found.log_ids & errors else None


if __name__ == "__main__":
    main()
