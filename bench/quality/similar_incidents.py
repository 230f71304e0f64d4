"""How well similar incidents are found: the same fault with another seed, and other faults.

Each fault scenario of the simulated shop is made once for each seed, and grouped and ranked as the
analyzer does. Each incident is then compared with those of all other seeds, as the page does:
`first` says how often the first one shown is of the same scenario, `shown` how many of those
shown are of another, `highest_other` how similar one of another scenario ever was. Scenarios in
which nobody logs an ERROR open their incidents by alerts, and are left out.

    python -m bench.quality.similar_incidents --seeds 101 102
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

import orjson
import structlog

from firstcause.events.log_event import LogEvent, read_log_event
from generators.scenario import scenario_names
from generators.stream.event_stream import EventStream, GeneratorParameters
from log_analyzer.incident_history.similar_incidents import COMPARED, SHOWN
from log_analyzer.incidents.call_graph import CallGraph
from log_analyzer.report.similarity import LEAST_SIMILARITY, Traits, nearness, similarity, traits
from log_analyzer.trial.incidents import incidents_of
from log_analyzer.trial.suspects import ranking_of
from log_templates.miner import TemplateMiner
from root_cause.normal.learned_counts import Normal
from root_cause.normal.learner import learn

RATE: Final = 50.0
SECONDS: Final = 180.0
HEALTHY_SECONDS: Final = 600.0
# Healthy time has a seed of its own.
HEALTHY_SEED: Final = 1_000_003
START: Final = datetime(2026, 1, 5, 12, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Known:
    """The incident of a scenario and a seed: its first error, and what it shows."""

    scenario: str
    seed: int
    first_error: tuple[str, str]
    traits: Traits


@dataclass(frozen=True, slots=True)
class Found:
    """What is shown for one incident, the most similar first, and the nearest of another kind."""

    incident: Known
    shown: tuple[tuple[float, Known], ...]
    highest_other: float

    @property
    def is_right(self) -> bool:
        """The first one shown is of the same scenario."""
        return bool(self.shown) and self.shown[0][1].scenario == self.incident.scenario


def made(seeds: Sequence[int]) -> Iterator[Known]:
    """The incidents of all scenarios with each seed."""
    normal = learn(_events(None, HEALTHY_SEED), ())
    # One for all, as the instances of an installation share one.
    miner = TemplateMiner()
    for seed in seeds:
        for scenario in scenario_names():
            known = _incident(scenario, seed, normal, miner)
            if known is not None:
                yield known


def found_for(incident: Known, others: Sequence[Known]) -> Found:
    """What would be shown for an incident if these others had been before it."""
    near = sorted(others, key=lambda one: -nearness(one.first_error, incident.traits))
    compared = [one for one in near if nearness(one.first_error, incident.traits)][:COMPARED]
    alike = [(similarity(incident.traits, one.traits), one) for one in compared]
    shown = [one for one in alike if one[0] >= LEAST_SIMILARITY]
    shown.sort(key=lambda one: -one[0])
    foreign = [similarity(incident.traits, one.traits) for one in others if _differ(one, incident)]
    return Found(incident, tuple(shown[:SHOWN]), max(foreign, default=0.0))


def _differ(one: Known, other: Known) -> bool:
    return one.scenario != other.scenario


def _incident(scenario: str, seed: int, normal: Normal, miner: TemplateMiner) -> Known | None:
    """The largest incident of a scenario; None when nobody logs an ERROR."""
    events = _events(scenario, seed)
    incidents = incidents_of(events, CallGraph(), miner)
    if not incidents:
        return None
    largest = max(incidents, key=lambda one: len(one.log_ids))
    ranking = ranking_of(largest, incidents, events, normal)
    first = min(largest.groups, key=lambda one: one.first_ms)
    shown = traits(
        [(one.service_name, one.template) for one in largest.groups],
        [one.service_name for one in largest.groups],
        ranking.path if ranking else (),
        [one.error_code for one in largest.evidence],
    )
    return Known(scenario, seed, (first.service_name, first.template), shown)


def _events(scenario: str | None, seed: int) -> list[LogEvent]:
    seconds = SECONDS if scenario else HEALTHY_SECONDS
    stream = EventStream(GeneratorParameters(RATE, seconds, scenario, seed, START))
    arrived_ms = int((START.timestamp() + 86_400) * 1_000)
    return [
        read_log_event(value, arrived_ms) for batch in stream.batches() for value in batch.values
    ]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--seeds", type=int, nargs="+", default=[101, 102])
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    known = list(made(options.parse_args().seeds))
    results = [
        found_for(one, [other for other in known if other.seed != one.seed]) for one in known
    ]
    results.sort(key=lambda one: (one.incident.scenario, one.incident.seed))
    for scenario, some in groupby(results, key=lambda one: one.incident.scenario):
        print(orjson.dumps({"scenario": scenario} | _row(list(some))).decode())
    print(orjson.dumps({"scenario": "all"} | _row(results)).decode())


def _row(found: Sequence[Found]) -> dict[str, float | int]:
    shown = [(one.incident, other) for one in found for _, other in one.shown]
    return {
        "incidents": len(found),
        "first": round(sum(one.is_right for one in found) / len(found), 3),
        "shown": len(shown),
        "shown_of_others": sum(_differ(*one) for one in shown),
        "lowest_same": round(min((one.shown[0][0] for one in found if one.is_right), default=0), 3),
        "highest_other": round(max(one.highest_other for one in found), 3),
    }


if __name__ == "__main__":
    main()
