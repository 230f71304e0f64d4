"""A database takes a thousand services with it within a minute: how soon Slack hears, how often."""

from __future__ import annotations

import argparse
import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import orjson
from confluent_kafka import Producer

from bench.running_installation import running_installation
from firstcause.kafka.topics import ensure_topics
from firstcause.local.daemons.environment import settings_environment
from firstcause.settings import Settings
from firstcause.storage import cassandra
from firstcause.storage.migrations import migrate
from tests.e2e.accounting import all_standing, errors_counted, every_incident
from tests.installation import Installation
from tests.integration.log_analyzer.analyzer_parts import an_event, analyzer_process, eventually
from tests.stubs.slack import SlackStub

WAIT_SECONDS: Final = 300.0
TRACES: Final = ("one", "many", "none")


@dataclass(frozen=True, slots=True)
class Told:
    """What came of one outage; seconds since the first error was sent."""

    traces: str
    incidents: int
    merged: int
    first_notice_seconds: float
    root_messages: int
    counted_seconds: float


def measure(installation: Installation, traces: str, services: int, seconds: float) -> Told:
    """Each service logs one error; all share a trace, or have one each, or none."""
    settings = installation.fresh_names()
    ensure_topics(settings)
    migrate(settings)
    with _running(installation, settings, traces) as slack, cassandra.session(settings) as cql:
        began = time.time()
        _send(settings, traces, services, seconds)
        eventually(lambda: errors_counted(cql), lambda count: count == services, WAIT_SECONDS)
        counted = time.time() - began
        views = eventually(
            lambda: every_incident(cql),
            lambda found: found and all_standing(v for v in found if v.merged_into is None),
            WAIT_SECONDS,
        )
        standing = [one for one in views if one.merged_into is None]
        posted = [
            one["at"]
            for one in slack.recorded
            if one["path"] == "/api/chat.postMessage" and "thread_ts" not in one["body"]
        ]
        return Told(
            traces,
            len(standing),
            len(views) - len(standing),
            round(min(posted) - began, 2),
            len(slack.messages),
            round(counted, 1),
        )


def _send(settings: Settings, traces: str, services: int, seconds: float) -> None:
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers, "acks": "all"})
    began = time.time()
    for number in range(services):
        time.sleep(max(0.0, began + number * seconds / services - time.time()))
        service = f"team{number // 26:02d}-{chr(97 + number % 26)}"
        fields: dict[str, Any] = {"message": f"cannot reach shared-db number {number}"}
        if traces != "none":
            fields["trace_id"] = f"{1 if traces == 'one' else number + 1:032x}"
        event = an_event(service, number, int(time.time() * 1_000), **fields)
        producer.produce(settings.kafka_logs_topic, orjson.dumps(event), key=service)
        producer.poll(0)
    assert producer.flush(60) == 0


@contextlib.contextmanager
def _running(installation: Installation, settings: Settings, traces: str) -> Iterator[SlackStub]:
    env = {**os.environ, **settings_environment(settings)}
    log = installation.settings.logs_dir / f"shared_database_{traces}.log"
    with (
        SlackStub() as slack,
        analyzer_process(
            env, log, slack_bot_token="xoxb-1", slack_api_url=slack.api_url, log_format="json"
        ),
    ):
        eventually(log.read_text, lambda text: '"partitions_assigned"' in text, WAIT_SECONDS)
        yield slack


def main() -> None:
    """Prints a line for each kind of trace; see --help."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--services", type=int, default=1_000)
    options.add_argument("--seconds", type=float, default=50.0)
    given = options.parse_args()
    with running_installation("kafka,cassandra") as made:
        for traces in TRACES:
            print(measure(made, traces, given.services, given.seconds), flush=True)


if __name__ == "__main__":
    main()
