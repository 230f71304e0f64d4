"""What the analyzer's tests share: events, a wait with a deadline, the analyzer as a process."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import orjson
from cassandra.cluster import Session
from confluent_kafka import Consumer, Producer, TopicPartition

from firstcause.events.log_event import read_log_event
from firstcause.incidents.view import IncidentView
from firstcause.settings import PROJECT_ROOT, Settings
from log_analyzer.episodes.consumed_error import ConsumedError
from log_analyzer.incident_history.reader import IncidentReader
from log_analyzer.incidents.call_graph import CallGraphStore
from log_analyzer.incidents.escalations import EscalationStore
from log_analyzer.incidents.stores.board import BoardStore
from log_analyzer.incidents.stores.episodes import EpisodeStore
from log_analyzer.incidents.tracker import IncidentTracker
from log_analyzer.notify.outbox import MessageOutbox
from log_templates.miner import TemplateMiner

T = TypeVar("T")

# Events of tests are of days long ago, and most tests are about what is told at once.
NO_OLD_NEWS = {"ANALYZER_OLD_NEWS_SECONDS": str(10**9)}

QUIET_MS = 900_000
REOPEN_MS = 600_000
# So much later an incident's group opens a new one.
APART_MS = QUIET_MS + REOPEN_MS + 1
DAY_MS = 1_700_000_000_000


def an_event(service: str, number: int, at_ms: int = DAY_MS, **fields: object) -> dict[str, object]:
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at_ms // 1000))
    return {
        "log_id": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{service}/{number}")),
        "timestamp": f"{moment}.{at_ms % 1000:03d}Z",
        "service_name": service,
        "level": "ERROR",
        "message": f"Payment {number} failed",
        **fields,
    }


def consumed(
    events: Iterable[dict[str, object]], partition: int = 0, offset: int = 0
) -> list[ConsumedError]:
    miner, errors = TemplateMiner(), []
    for place, event in enumerate(events, start=offset):
        value = orjson.dumps(event)
        read = read_log_event(value, DAY_MS + 10**11)
        template = miner.add(read.message)
        errors.append(ConsumedError(read, partition, place, template.text, template.template_id))
    return errors


def send(settings: Settings, events: Iterable[dict[str, object] | bytes]) -> None:
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers, "acks": "all"})
    for event in events:
        if isinstance(event, bytes):
            key, value = None, event
        else:
            key, value = str(event["service_name"]), orjson.dumps(event)
        producer.produce(settings.kafka_logs_topic, value=value, key=key)
        producer.poll(0)
    assert producer.flush(60) == 0


def a_tracker(session: Session, **changes: object) -> IncidentTracker:
    parts: dict[str, Any] = {
        "store": EpisodeStore(session),
        "board": BoardStore(session),
        "escalations": EscalationStore(session),
        "outbox": MessageOutbox(session),
        "load_graph": CallGraphStore(session).load,
        "quiet_ms": QUIET_MS,
        "reopen_ms": REOPEN_MS,
        "gather_ms": 0,
    }
    return IncidentTracker(**parts | changes)


def incidents_of(session: Session, service: str) -> list[IncidentView]:
    """The incidents that began in one service, whatever their day, without merged ones."""
    reader = IncidentReader(session)
    rows = session.execute("SELECT incident_id, service_name FROM incidents")
    views = [reader.read(row.incident_id) for row in rows if row.service_name == service]
    own = [view for view in views if view and view.merged_into is None]
    return sorted(own, key=lambda view: view.first_ms)


def eventually(look: Callable[[], T], wanted: Callable[[T], object], seconds: float = 60.0) -> T:
    """What `look` returns once it is `wanted`; fails with the last of it after the deadline."""
    deadline = time.monotonic() + seconds
    while True:
        found = look()
        if wanted(found):
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {found!r}"[:3000])
        time.sleep(0.1)


def webhooks_have_a_position(of: Settings) -> bool:
    """What is sent to the topic of alerts from now on is told."""
    group = f"{of.analyzer_group}_webhooks"
    consumer = Consumer({"bootstrap.servers": of.kafka_bootstrap_servers, "group.id": group})
    try:
        partitions = consumer.list_topics(of.kafka_alerts_topic, timeout=10).topics[
            of.kafka_alerts_topic
        ]
        asked = [TopicPartition(of.kafka_alerts_topic, one) for one in partitions.partitions]
        return all(one.offset >= 0 for one in consumer.committed(asked, timeout=10))
    finally:
        consumer.close()


@contextlib.contextmanager
def analyzer_process(
    env: dict[str, str], log_file: Path, **settings: object
) -> Iterator[subprocess.Popen[bytes]]:
    """The analyzer as a process of its own; what is still running at the end is killed."""
    changes = {name.upper(): str(value) for name, value in settings.items()}
    with log_file.open("ab") as log:
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from log_analyzer.commands.analyzer import analyzer; analyzer()",
            ],
            env={**env, **NO_OLD_NEWS, **changes},
            cwd=PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.wait(30)
