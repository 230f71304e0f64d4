"""An error each ten minutes for a day, 5,000 in a minute, quiet, and back: what Slack hears of it.

`python -m bench.rare_errors` starts Kafka, Cassandra and the analyzer as processes, the latter with
a clock that is moved: a day takes some minutes. A second course has one error stamped two hours
ahead in the middle of the day. Exits with 1 if the messages or broadcasts are others than promised.
"""

from __future__ import annotations

import argparse
import contextlib
import mmap
import os
import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import orjson
from cassandra.cluster import Session
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._config import AlterConfigOpType, ConfigEntry, ConfigResource
from confluent_kafka.admin._resource import ResourceType

from bench.running_installation import running_installation
from firstcause.kafka.topics import ensure_topics
from firstcause.local.daemons.environment import settings_environment
from firstcause.settings import PROJECT_ROOT, Settings
from firstcause.storage import cassandra
from firstcause.storage.migrations import migrate
from tests.e2e.accounting import errors_counted
from tests.installation import Installation
from tests.integration.log_analyzer.analyzer_parts import (
    an_event,
    analyzer_process,
    eventually,
    incidents_of,
)
from tests.stubs.slack import SlackStub

SERVICE: Final = "order"
MINUTE_MS: Final = 60_000
HOUR_MS: Final = 60 * MINUTE_MS
# The course ends before now, so that nothing of it lies in the future of Kafka and Cassandra.
START_BEFORE_MS: Final = 28 * HOUR_MS
WAIT_SECONDS: Final = 120.0
# Some passes of the analyzer's workers (`TICK_SECONDS`) between two moves of the clock.
SETTLE_SECONDS: Final = 1.2

# Replies of each root message in order, and those of them that the channel sees.
Threads = list[tuple[list[str], list[str]]]
FLOOD_IS_OVER: Final[Threads] = [(["detail", "resolved"], []), (["detail", "resolved"], [])]
BACK: Final[Threads] = [
    (["detail", "resolved"], []),
    (["detail", "resolved", "back", "resolved"], ["back"]),
]

# Python runs this at its start when it is found as a module of that name.
MOVED_CLOCK: Final = """
import mmap, os, struct, time
_shift = mmap.mmap(os.open(os.environ["BENCH_CLOCK"], os.O_RDONLY), 8, prot=mmap.PROT_READ)
_time, _time_ns = time.time, time.time_ns
def _shift_ms():
    return struct.unpack("<q", _shift[:8])[0]
time.time = lambda: _time() + _shift_ms() / 1_000
time.time_ns = lambda: _time_ns() + _shift_ms() * 1_000_000
"""


class MovedClock:
    """The wall clock of the analyzer: ours and a shift that it reads from a file at each look."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        (folder / "sitecustomize.py").write_text(MOVED_CLOCK, encoding="utf-8")
        path = folder / "shift_ms"
        path.write_bytes(bytes(8))
        with path.open("r+b") as file:
            self._file = mmap.mmap(file.fileno(), 8)
        self._shift_ms = 0
        self.move(-START_BEFORE_MS)

    @property
    def environment(self) -> dict[str, str]:
        """For a process that is to have this clock."""
        return {
            "BENCH_CLOCK": str(self._folder / "shift_ms"),
            "PYTHONPATH": f"{self._folder}{os.pathsep}{PROJECT_ROOT}",
        }

    @property
    def now_ms(self) -> int:
        """The time that the process sees, ms since the epoch."""
        return time.time_ns() // 1_000_000 + self._shift_ms

    def move(self, span_ms: int) -> None:
        """The time makes a step."""
        self._shift_ms += span_ms
        self._file[:8] = struct.pack("<q", self._shift_ms)


class Course:
    """Errors of one service at the times of the moved clock, and what Slack heard of them."""

    def __init__(
        self, settings: Settings, session: Session, slack: SlackStub, clock: MovedClock
    ) -> None:
        self._settings = settings
        self._session = session
        self._slack = slack
        self._clock = clock
        self._sent = 0
        self._producer = Producer(
            {"bootstrap.servers": settings.kafka_bootstrap_servers, "acks": "all"}
        )

    def log(self, count: int = 1, ahead_ms: int = 0) -> None:
        """Sends errors that arrive now, and waits until all are counted."""
        now_ms, topic = self._clock.now_ms, self._settings.kafka_logs_topic
        for number in range(self._sent, self._sent + count):
            event = an_event(SERVICE, number, now_ms + ahead_ms + number % 1_000)
            self._producer.produce(topic, orjson.dumps(event), key=SERVICE, timestamp=now_ms)
            self._producer.poll(0)
        assert self._producer.flush(60) == 0
        self._sent += count
        eventually(lambda: errors_counted(self._session), lambda n: n == self._sent, WAIT_SECONDS)

    def go_on(self, span_ms: int, step_ms: int) -> None:
        """Time passes; after each step the analyzer's workers have some passes."""
        for _ in range(span_ms // step_ms):
            time.sleep(SETTLE_SECONDS)
            self._clock.move(step_ms)

    def threads(self) -> Threads:
        """Of each root message: the kinds of its replies, and of those that were broadcast."""
        found = []
        for view in incidents_of(self._session, SERVICE):
            for post in self._slack.posts_of(str(view.incident_id)):
                own = [one for one in self._slack.replies if one["thread_ts"] == post["ts"]]
                named = [one for one in own if one["metadata"]]
                told = [_kind(one) for one in named]
                found.append((told, [_kind(one) for one in named if one["broadcast"]]))
        return found

    def await_threads(self, wanted: Threads) -> bool:
        """Whether Slack heard this in the end; prints what it heard."""
        try:
            eventually(self.threads, lambda found: found == wanted, WAIT_SECONDS / 2)
        except AssertionError:
            print(f"    wanted {wanted}\n    heard  {self.threads()}", flush=True)
            return False
        print(f"    {self._sent:,} errors: {wanted}", flush=True)
        return True


def run(course: Course, *, stamped_ahead: bool) -> bool:
    """A day, a flood, quiet, back, quiet; whether all was told as promised."""
    for number in range(144):
        course.log()
        if stamped_ahead and number == 72:
            course.log(ahead_ms=2 * HOUR_MS)
        course.go_on(10 * MINUTE_MS, 10 * MINUTE_MS)
    told = [course.await_threads([(["detail"], [])])]
    for _ in range(5):
        course.log(1_000)
        course.go_on(12_000, 12_000)
    # Resolved after 15 minutes; what comes within ten more is a return.
    course.go_on(20 * MINUTE_MS, 4 * MINUTE_MS)
    told.append(course.await_threads(FLOOD_IS_OVER))
    course.log(20)
    course.go_on(HOUR_MS // 2, 5 * MINUTE_MS)
    told.append(course.await_threads(BACK))
    return all(told)


@contextlib.contextmanager
def a_course(installation: Installation, name: str) -> Iterator[Course]:
    """A course with topics, keyspace, analyzer and Slack of its own."""
    settings = installation.fresh_names()
    ensure_topics(settings)
    _keep_times_of_senders(settings)
    migrate(settings)
    log = installation.settings.logs_dir / f"{name}.log"
    with (
        tempfile.TemporaryDirectory(prefix="firstcause-clock-") as folder,
        SlackStub() as slack,
        cassandra.session(settings) as session,
    ):
        slack.message_interval_seconds = 0.0
        clock = MovedClock(Path(folder))
        env = {**os.environ, **settings_environment(settings), **clock.environment}
        changes: dict[str, Any] = {
            "slack_bot_token": "xoxb-1",
            "slack_api_url": slack.api_url,
            "log_format": "json",
        }
        with analyzer_process(env, log, **changes):
            eventually(log.read_text, lambda text: '"partitions_assigned"' in text, WAIT_SECONDS)
            yield Course(settings, session, slack, clock)


def _keep_times_of_senders(settings: Settings) -> None:
    changes = {"message.timestamp.type": "CreateTime", "retention.ms": "-1"}
    resource = ConfigResource(
        ResourceType.TOPIC,
        settings.kafka_logs_topic,
        incremental_configs=[
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            for name, value in changes.items()
        ],
    )
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers})
    [done] = admin.incremental_alter_configs([resource]).values()
    done.result()


def _kind(reply: dict[str, Any]) -> str:
    return str(reply["metadata"]["event_payload"]["reply"]).split("-")[0]


def main() -> int:
    """Prints what Slack heard after each part of both courses."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    done = []
    with running_installation("kafka,cassandra") as made:
        for name, ahead in (("as_it_was", False), ("one_error_two_hours_ahead", True)):
            print(name, flush=True)
            with a_course(made, name) as course:
                done.append(run(course, stamped_ahead=ahead))
    return 0 if all(done) else 1


if __name__ == "__main__":
    sys.exit(main())
