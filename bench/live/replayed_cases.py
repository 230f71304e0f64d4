"""Replays labelled cases through the product, and compares Slack with `firstcause evaluate`.

`python -m bench.live.replayed_cases DIR...`: some cases of each folder go through Kafka into the
store job and the analyzer, on the first day (nothing learned) and again with the folder's
fault-free recording learned. Prints for each case whom the evaluation and whom Slack suspects
first. Exits with 1 unless they are the same for each case.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cassandra.cluster import Session

from bench.running_installation import running_installation
from firstcause.events.log_event import LogEvent
from firstcause.incidents.view import IncidentView
from firstcause.kafka.topics import ensure_topics
from firstcause.local.daemons.environment import settings_environment
from firstcause.settings import Settings
from firstcause.storage import cassandra
from firstcause.storage.migrations import migrate
from generators.output.kafka_producer import connect_producer, produce
from generators.replay import Replay, ReplayOptions
from root_cause.evaluation.labelled_cases import LabelledCase, read_cases, read_events
from root_cause.normal.learned_counts import Normal
from root_cause.normal.learner import learn
from root_cause.ranking.ranker import rank
from tests.command_line import firstcause
from tests.e2e.accounting import (
    AnalyzerProcess,
    SlackProcess,
    incident_of,
    incidents,
    slack_process,
)
from tests.installation import Installation
from tests.integration.log_analyzer.analyzer_parts import eventually
from tests.streaming_driver import StoreDriver, running

WAIT_SECONDS: Final = 400.0
# The comparison with normal waits until logs are stored; the last look comes within this time.
STILL_SECONDS: Final = 45.0
NOBODY: Final = "nobody"


@dataclass(frozen=True, slots=True)
class Told:
    """One case: the first suspect by the evaluation, and by the message of its largest incident."""

    system: str
    with_normal: bool
    case: LabelledCase
    evaluated: str
    slack: str

    @property
    def agree(self) -> bool:
        """True when both say the same."""
        return self.evaluated == self.slack

    @property
    def row(self) -> str:
        """A row of the table."""
        normal = "learned" if self.with_normal else "none"
        same = "same" if self.agree else "differ"
        return (
            f"| {self.system} | {normal} | {self.case.name} | {self.case.culprit} "
            f"| {self.evaluated} | {self.slack} | {same} |"
        )


def measure(
    installation: Installation, folder: Path, count: int, *, with_normal: bool
) -> Iterator[Told]:
    """Replays some cases of a folder one after the other into an installation's fresh names."""
    cases = some_cases(folder, count)
    settings = installation.fresh_names()
    ensure_topics(settings)
    migrate(settings)
    # The checkpoint of the round before names another topic.
    shutil.rmtree(settings.checkpoints_dir, ignore_errors=True)
    env = {**os.environ, **settings_environment(settings)}
    recording = cases[0].recording
    normal = None
    if with_normal and recording is not None:
        done = firstcause(env, "normal", "learn", str(recording.logs))
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        normal = learn(read_events(recording.logs), ())
    with _analyzing(settings, env) as (driver, slack, session):
        sent = 0
        for case in cases:
            events = read_events(case.folder / "logs.jsonl.gz")
            batches = Replay([case.folder / "logs.jsonl.gz"], ReplayOptions()).batches()
            sent += produce(
                connect_producer(settings), settings.kafka_logs_topic, batches
            ).delivered
            _await_stored(driver, sent)
            told = slack_suspect(session, slack, events)
            yield Told(folder.name, with_normal, case, evaluated_suspect(events, normal), told)


def some_cases(folder: Path, count: int) -> list[LabelledCase]:
    """So many cases of one day and recording, evenly chosen among those that log an error."""
    cases = [one for one in read_cases(folder) if one.culprit is not None]
    failing = [
        one
        for one in cases
        if any(event.is_error for event in read_events(one.folder / "logs.jsonl.gz"))
    ]
    same = [one for one in failing if one.recording == failing[0].recording]
    return same[:: max(1, len(same) // count)][:count]


def evaluated_suspect(events: Sequence[LogEvent], normal: Normal | None) -> str:
    """Whom `firstcause evaluate` suspects first, and whether it names that service."""
    found = rank(events, (), normal)
    if not found.suspects:
        return NOBODY
    return described(found.suspects[0].service_name, is_likely=found.culprit is not None)


def slack_suspect(session: Session, slack: SlackProcess, events: Sequence[LogEvent]) -> str:
    """Whom the message of the case's largest incident suspects, once it changes no more. Blocks."""
    ids = {one.log_id for one in events if one.is_error}
    changed_at, last = time.monotonic(), ""

    def look() -> tuple[str, bool]:
        nonlocal changed_at, last
        own = [one for one in incidents(session) if _kept(one, ids)]
        largest = max(own, key=lambda one: (_kept(one, ids), -one.first_ms), default=None)
        found = _suspect_of(slack, largest) if largest else ""
        ranked = largest is not None and largest.context is not None
        if found != last or not ranked:
            changed_at, last = time.monotonic(), found
        return found, time.monotonic() - changed_at >= STILL_SECONDS

    return eventually(look, lambda pair: pair[0] and pair[1], WAIT_SECONDS)[0]


def _kept(view: IncidentView, ids: set[str]) -> int:
    return sum(one.log_id in ids for one in view.evidence)


def _suspect_of(slack: SlackProcess, view: IncidentView) -> str:
    for message in slack.recorded()["messages"]:
        if incident_of(message["metadata"]) == str(view.incident_id):
            return _suspect_line(message)
    return ""


def _suspect_line(message: dict[str, Any]) -> str:
    texts = [block.get("text", {}).get("text", "") for block in message["blocks"]]
    line = next((text for text in texts if text.startswith("*Suspect: ")), "")
    name = line.removeprefix("*Suspect: ").partition("*")[0]
    return described(name, is_likely="(likely" in line) if name else NOBODY


def described(name: str, *, is_likely: bool) -> str:
    """A suspect, and whether it is named as the culprit."""
    return f"{name} ({'likely' if is_likely else 'possible'})"


def _await_stored(driver: StoreDriver, messages: int) -> None:
    eventually(driver.committed, lambda done: done >= messages, WAIT_SECONDS)


@contextmanager
def _analyzing(
    settings: Settings, env: dict[str, str]
) -> Iterator[tuple[StoreDriver, SlackProcess, Session]]:
    with ExitStack() as stack:
        slack = stack.enter_context(slack_process())
        driver = StoreDriver(settings, env)
        stack.enter_context(running(driver))
        session = stack.enter_context(cassandra.session(settings))
        log = settings.logs_dir / f"replayed_{settings.cassandra_keyspace}.log"
        own = {"ANALYZER_METRICS_PORT": "0", "LOG_FORMAT": "json"}
        stack.enter_context(AnalyzerProcess(env | slack.env | own, log))
        yield driver, slack, session


def main() -> None:
    """Prints the table; see --help."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("folders", nargs="+", type=Path, metavar="DIR")
    options.add_argument("--cases", type=int, default=4)
    given = options.parse_args()
    told: list[Told] = []
    with running_installation(
        "kafka,cassandra", analyzer_quiet_seconds=60, analyzer_reopen_seconds=0
    ) as made:
        print("| system | normal | case | culprit | evaluate | Slack | |")
        print("|---|---|---|---|---|---|---|", flush=True)
        for folder in given.folders:
            for with_normal in (False, True):
                for one in measure(made, folder, given.cases, with_normal=with_normal):
                    told.append(one)
                    print(one.row, flush=True)
    print(f"The same suspect: {sum(one.agree for one in told)} of {len(told)}.")
    sys.exit(0 if all(one.agree for one in told) else 1)


if __name__ == "__main__":
    main()
