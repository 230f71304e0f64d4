"""Storms of 10,000 errors: how soon Slack hears of each, and how often."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cassandra.cluster import Session

from bench.running_installation import running_installation
from firstcause.kafka.topics import ensure_topics
from firstcause.local.daemons.environment import settings_environment
from firstcause.settings import Settings
from firstcause.storage import cassandra
from firstcause.storage.migrations import migrate
from generators.scenario import failing_scenario_names
from tests.e2e.accounting import all_standing, errors_counted, incidents
from tests.installation import Installation
from tests.integration.log_analyzer.analyzer_parts import analyzer_process, eventually
from tests.storms import ERRORS, Storm, a_storm
from tests.stubs.mistral import MistralStub
from tests.stubs.slack import SlackStub

# Its event time is its own: far enough from the storm before to be another incident.
APART = timedelta(days=1)
WAIT_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class StormTold:
    """What Slack and the model heard of one storm.

    `first_notice_seconds` is the time from the first error's sending to its post's arrival.
    """

    scenario: str
    first_notice_seconds: float
    root_messages: int
    updates: int
    model_calls: int


def measure_storms(
    installation: Installation, storms: int, *, model_fault: str | None = None
) -> list[StormTold]:
    """One storm after the other, scenarios in turns, through Kafka into a running analyzer.

    With `model_fault`, a fault of the Mistral stub, every call to the model fails so.
    """
    settings = installation.fresh_names()
    ensure_topics(settings)
    migrate(settings)
    names = failing_scenario_names()
    newest = datetime.now(UTC) - APART
    waiting = [
        a_storm(names[n % len(names)], start=newest - (storms - n) * APART, seed=n)
        for n in range(storms)
    ]
    with _running(installation, settings) as (slack, mistral), cassandra.session(settings) as cql:
        if model_fault:
            mistral.faults.append({"kind": model_fault, "times": sys.maxsize})
        return [_told(settings, storm, n, slack, mistral, cql) for n, storm in enumerate(waiting)]


@contextlib.contextmanager
def _running(
    installation: Installation, settings: Settings
) -> Iterator[tuple[SlackStub, MistralStub]]:
    env = {**os.environ, **settings_environment(settings)}
    log = installation.settings.logs_dir / "storms.log"
    with (
        SlackStub() as slack,
        MistralStub() as mistral,
        analyzer_process(
            env,
            log,
            slack_bot_token="xoxb-1",
            slack_api_url=slack.api_url,
            mistral_api_key="key",
            mistral_server_url=mistral.url,
            log_format="json",
        ),
    ):
        eventually(log.read_text, lambda text: '"partitions_assigned"' in text, WAIT_SECONDS)
        yield slack, mistral


def _told(
    settings: Settings,
    storm: Storm,
    number: int,
    slack: SlackStub,
    mistral: MistralStub,
    session: Session,
) -> StormTold:
    roots, prompts = len(slack.messages), len(mistral.prompts)
    began = time.time()
    storm.send(settings)
    wanted = (number + 1) * ERRORS
    eventually(lambda: errors_counted(session), lambda now: now == wanted, WAIT_SECONDS)
    enough = len if mistral.faults else _all_answered
    new = eventually(lambda: slack.messages[roots:], enough, WAIT_SECONDS)
    eventually(lambda: incidents(session), all_standing, WAIT_SECONDS)
    posted = [
        request["at"]
        for request in slack.recorded
        if request["path"] == "/api/chat.postMessage"
        and "thread_ts" not in request["body"]
        and request["at"] >= began
    ]
    return StormTold(
        storm.scenario,
        min(posted) - began,
        len(new),
        sum(one["updates"] for one in new),
        len(mistral.prompts) - prompts,
    )


def _all_answered(messages: list[dict[str, Any]]) -> bool:
    """Each of them, and there is one, shows the model's answer."""
    shown = [json.dumps(one["blocks"]) for one in messages]
    return bool(shown) and all("The stub blames" in one for one in shown)


def summary(told: Sequence[StormTold]) -> str:
    """A line for people: the slowest first notice, and the most that any storm sent."""
    seconds = [one.first_notice_seconds for one in told]
    p95 = statistics.quantiles(seconds, n=20, method="inclusive")[18]
    return (
        f"{len(told)} storms of {ERRORS:,} errors, first error to first notice in Slack: "
        f"p50 {statistics.median(seconds):.2f} s, p95 {p95:.2f} s, longest {max(seconds):.2f} s; "
        f"for one storm at the most {max(one.root_messages for one in told)} root message, "
        f"{max(one.updates for one in told)} updates, "
        f"{max(one.model_calls for one in told)} calls to the model."
    )


def main() -> None:
    """Prints a line a storm and what the slowest were; see --help."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--storms", type=int, default=20)
    options.add_argument("--model-fault", help="hang, http_500, nonsense, half, drop")
    given = options.parse_args()
    with running_installation("kafka,cassandra") as made:
        told = measure_storms(made, given.storms, model_fault=given.model_fault)
    for one in told:
        print(one)
    print(summary(told))


if __name__ == "__main__":
    main()
