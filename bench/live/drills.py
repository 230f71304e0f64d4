"""Fault drills a minute apart, live: two analyzers that are killed, and a Slack that loses answers.

`python -m bench.live.drills` prints what became of each drill. It exits with 1 unless at least all
but one have an incident of their own with the culprit as the first suspect, each standing incident
has one message, and every error is counted once.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import orjson
from cassandra.cluster import Session

from bench.live.disturbance import Disturbance
from bench.running_installation import running_installation
from firstcause.incidents.view import IncidentView
from firstcause.kafka.topics import ensure_topics
from firstcause.local.daemons.environment import settings_environment
from firstcause.settings import Settings
from firstcause.storage import cassandra
from firstcause.storage.migrations import migrate
from generators.fault_drill import FaultDrill
from generators.output.kafka_producer import connect_producer, produce
from generators.output.message_batch import MessageBatch
from generators.scenario import failing_scenario_names
from generators.stream.event_stream import EventStream, GeneratorParameters
from log_analyzer.context.schedule import LATE_MS
from log_analyzer.report.sections import suspect_names
from log_analyzer.suspects.onset import onset_ms
from log_analyzer.suspects.window import AFTER_MS
from tests.command_line import firstcause
from tests.e2e.accounting import (
    AnalyzerProcess,
    SlackProcess,
    all_standing,
    errors_counted,
    group_offsets,
    incidents,
    slack_process,
)
from tests.integration.log_analyzer.analyzer_parts import eventually
from tests.streaming_driver import StoreDriver, running

APART_SECONDS: Final = 60.0
# As the DAG `fault_drill` does by default.
RATE: Final = 50.0
SECONDS: Final = 45.0
FAULT_AFTER_SECONDS: Final = 5.0
HEALTHY_SECONDS: Final = 600.0
SETTLED_SECONDS: Final = 400.0
# Longer than an incident's window is open, so that the last ranking is of all of it.
QUIET_SECONDS: Final = 300.0


@dataclass(frozen=True, slots=True)
class Drilled:
    """One drill that was sent: its culprit, and the log ids of its errors."""

    scenario: str
    culprit: str
    errors: frozenset[str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a drill: its largest incident, and the share of its errors that is kept there.

    `share` is of the errors that incidents keep as evidence: those are what Cassandra has whole.
    """

    drilled: Drilled
    incident: IncidentView | None
    share: float
    is_alone: bool

    @property
    def first_suspect(self) -> str:
        """Whom its incident suspects first; empty without an incident."""
        return suspect_names(self.incident)[0] if self.incident else ""

    @property
    def is_right(self) -> bool:
        """True when it has an incident of its own, with its culprit first."""
        return self.is_alone and self.first_suspect == self.drilled.culprit


def send_drills(settings: Settings, count: int, seed: int) -> list[Drilled]:
    """Sends the scenarios by turns, each a minute after the one before, in real time. Blocks."""
    names = failing_scenario_names()
    found = []
    begin = datetime.now(UTC)
    for number in range(count):
        start = begin + number * timedelta(seconds=APART_SECONDS)
        time.sleep(max(0.0, start.timestamp() - time.time()))
        drill = FaultDrill(
            GeneratorParameters(
                RATE,
                SECONDS,
                scenario=names[number % len(names)],
                seed=seed + number,
                start=start,
                fault_start_seconds=FAULT_AFTER_SECONDS,
                fault_duration_seconds=SECONDS - FAULT_AFTER_SECONDS,
            )
        )
        errors: set[str] = set()
        produce(
            connect_producer(settings),
            settings.kafka_logs_topic,
            _noting_errors(drill.batches(), errors),
        )
        found.append(Drilled(names[number % len(names)], drill.culprit, frozenset(errors)))
        print(f"sent {found[-1].scenario}: {len(errors)} errors", flush=True)
    return found


def _noting_errors(batches: Iterator[MessageBatch], errors: set[str]) -> Iterator[MessageBatch]:
    for batch in batches:
        for value, is_error in zip(batch.values, batch.errors, strict=True):
            if is_error:
                errors.add(orjson.loads(value)["log_id"])
        yield batch


def outcomes(drills: Sequence[Drilled], views: Sequence[IncidentView]) -> list[Outcome]:
    """What became of each drill."""
    found = []
    kept = {one.incident_id: {e.log_id for e in one.evidence} for one in views}
    largest: list[IncidentView | None] = []
    for drill in drills:
        own = [one for one in views if kept[one.incident_id] & drill.errors]
        own.sort(key=lambda one: -len(kept[one.incident_id] & drill.errors))
        largest.append(own[0] if own else None)
    shared = Counter(one.incident_id for one in largest if one)
    for drill, incident in zip(drills, largest, strict=True):
        every = sum(len(ids & drill.errors) for ids in kept.values())
        share = len(kept[incident.incident_id] & drill.errors) / every if incident else 0.0
        alone = incident is not None and shared[incident.incident_id] == 1
        found.append(Outcome(drill, incident, share, alone))
    return found


def main() -> None:
    """Runs the drills and prints the table; see --help. Takes the drills' minutes and five more."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--drills", type=int, default=8)
    options.add_argument("--seed", type=int, default=1)
    given = options.parse_args()
    with running_installation(
        "kafka,cassandra", analyzer_quiet_seconds=QUIET_SECONDS, analyzer_reopen_seconds=1
    ) as made:
        settings = made.settings
        ensure_topics(settings)
        migrate(settings)
        passed = measure(settings, made.settings.firstcause_home, given.drills, given.seed)
    sys.exit(0 if passed else 1)


def measure(settings: Settings, home: Path, drills: int, seed: int) -> bool:
    """Prints a line for each drill; True when all that the module's first lines ask for holds."""
    env = {**os.environ, **settings_environment(settings)}
    learn_healthy(env, home)
    with ExitStack() as stack:
        slack = stack.enter_context(slack_process())
        stack.enter_context(running(StoreDriver(settings, env)))
        session = stack.enter_context(cassandra.session(settings))
        analyzers = [
            stack.enter_context(
                AnalyzerProcess(
                    env | slack.env | {"ANALYZER_METRICS_PORT": "0", "LOG_FORMAT": "json"},
                    settings.logs_dir / f"drills_analyzer{number}.log",
                )
            )
            for number in range(2)
        ]
        with Disturbance(analyzers, slack, seed) as disturbance:
            sent = send_drills(settings, drills, seed)
        errors = len(frozenset().union(*(one.errors for one in sent)))
        eventually(lambda: errors_counted(session), lambda n: n >= errors, SETTLED_SECONDS)
        eventually(
            lambda: incidents(session),
            lambda found: all_standing(found) and all(map(_is_ranked, found)),
            SETTLED_SECONDS,
        )
        return told(session, settings, slack, sent, disturbance.kills)


def learn_healthy(env: dict[str, str], folder: Path) -> None:
    """Learns what is normal of ten healthy minutes, two hours ago."""
    start = datetime.now(UTC) - timedelta(hours=2)
    healthy = EventStream(GeneratorParameters(RATE, HEALTHY_SECONDS, seed=99, start=start))
    recording = folder / "healthy.jsonl"
    recording.write_bytes(b"\n".join(value for one in healthy.batches() for value in one.values))
    done = firstcause(env, "normal", "learn", str(recording))
    if done.returncode != 0:
        raise RuntimeError(done.stderr)


def told(
    session: Session,
    settings: Settings,
    slack: SlackProcess,
    sent: Sequence[Drilled],
    kills: int,
) -> bool:
    """Prints the table and what it was asked for."""
    views = incidents(session)
    found = outcomes(sent, views)
    print("| drill | culprit | incident | its errors there | first suspect | |")
    print("|---|---|---|---:|---|---|")
    for one in found:
        name = str(one.incident.incident_id)[:8] if one.incident else "none"
        verdict = "right" if one.is_right else "shared" if not one.is_alone else "wrong"
        print(
            f"| {one.drilled.scenario} | {one.drilled.culprit} | {name} | {one.share:.0%} "
            f"| {one.first_suspect} | {verdict} |"
        )
    messages = slack.messages()
    standing = {str(one.incident_id) for one in views}
    doubled = {key: count for key, count in messages.items() if count > 1}
    silent = standing - messages.keys()
    errors = len(frozenset().union(*(one.errors for one in sent)))
    counted = sum(one.error_count for one in views)
    right = sum(one.is_right for one in found)
    print(f"Drills with an incident of their own and the culprit first: {right} of {len(found)}.")
    print(f"Incidents: {len(views)}. Analyzers killed: {kills}.")
    print(f"Root messages: {messages.total()}; twice: {len(doubled)}; none: {len(silent)}.")
    print(f"Errors sent: {errors}; counted: {counted}. Committed: {group_offsets(settings)}.")
    return right >= len(found) - 1 and not doubled and not silent and counted == errors


def _is_ranked(view: IncidentView) -> bool:
    """True once the ranking is of the whole window: until then it may lack errors of others."""
    known, over_ms = view.context, onset_ms(view) + AFTER_MS + LATE_MS
    return known is not None and known.ranking is not None and known.gathered_ms >= over_ms


if __name__ == "__main__":
    main()
