"""What was sent, and where each message of it is: in Cassandra, on the dead-letter topic, told."""

from __future__ import annotations

import contextlib
import itertools
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import numpy as np
import orjson
from cassandra.cluster import Session
from confluent_kafka import Consumer, Message, TopicPartition

from firstcause.dead_letters import headers as dead_letter
from firstcause.incidents.view import IncidentView
from firstcause.kafka.topic_snapshot import read_to_current_end
from firstcause.settings import PROJECT_ROOT, Settings
from generators.output.kafka_producer import connect_producer, produce
from generators.output.message_batch import MessageBatch, paced
from generators.stream.event_stream import EventStream, GeneratorParameters
from log_analyzer.incident_history.reader import IncidentReader
from tests.hostile import HOSTILE
from tests.integration.log_analyzer.analyzer_parts import NO_OLD_NEWS
from tests.stubs.slack import CHANNEL_ID

VALID_FOR_EACH_MALFORMED = 99

# Unreadable on any day.
MALFORMED = [
    value
    for value, reason in HOSTILE.values()
    if value is not None and reason not in (None, "timestamp_in_future")
]


@dataclass(frozen=True)
class Sent:
    """A whole stream before it is sent: 1 % of its lines are malformed."""

    batches: list[MessageBatch]
    log_ids: frozenset[UUID]
    errors: int
    malformed: Counter[bytes]

    @property
    def total(self) -> int:
        return sum(map(len, self.batches))


def a_stream(*, rate: float, seconds: float, scenario: str, fault_at: float, seed: int) -> Sent:
    """Events of a fault scenario that start now, with every hundredth line malformed."""
    parameters = GeneratorParameters(
        rate_per_second=rate,
        duration_seconds=seconds,
        scenario=scenario,
        seed=seed,
        start=datetime.now(UTC),
        fault_start_seconds=fault_at,
        fault_duration_seconds=seconds,
    )
    rubbish = itertools.cycle(MALFORMED)
    valid = list(EventStream(parameters).batches())
    mixed = [_with_malformed(batch, rubbish) for batch in valid]
    values = itertools.chain.from_iterable(batch.values for batch in valid)
    ids = [UUID(orjson.loads(value)["log_id"]) for value in values]
    every = Counter(itertools.chain.from_iterable(batch.values for batch in mixed))
    sent = Sent(
        batches=mixed,
        log_ids=frozenset(ids),
        errors=sum(int(batch.errors.sum()) for batch in valid),
        malformed=Counter({value: every[value] for value in MALFORMED if every[value]}),
    )
    assert len(sent.log_ids) == len(ids)
    assert len(ids) + sent.malformed.total() == sent.total
    return sent


def _with_malformed(batch: MessageBatch, rubbish: Iterator[bytes]) -> MessageBatch:
    keys: list[bytes | None] = []
    values, times, errors = [], [], []
    for at in range(len(batch)):
        if at % VALID_FOR_EACH_MALFORMED == 0:
            keys.append(b"anybody")
            values.append(next(rubbish))
            times.append(batch.times_us[at])
            errors.append(False)
        keys.append(batch.keys[at])
        values.append(batch.values[at])
        times.append(batch.times_us[at])
        errors.append(batch.errors[at])
    return MessageBatch(keys, values, np.array(times), np.array(errors))


def send(settings: Settings, sent: Sent) -> None:
    """Sends the stream at the speed of its event time; every message acknowledged at the end."""
    report = produce(connect_producer(settings), settings.kafka_logs_topic, paced(sent.batches))
    assert report.delivered == sent.total


def end_offsets(settings: Settings, topic: str) -> dict[int, int]:
    with _consumer(settings) as consumer:
        numbers = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        return {
            number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=30)[1]
            for number in numbers
        }


def group_offsets(settings: Settings) -> dict[int, int]:
    """What the analyzer's group has committed, by partition."""
    topic = settings.kafka_logs_topic
    with _consumer(settings) as consumer:
        numbers = consumer.list_topics(topic, timeout=30).topics[topic].partitions
        wanted = [TopicPartition(topic, number) for number in numbers]
        found = consumer.committed(wanted, timeout=30)
        return {one.partition: max(one.offset, 0) for one in found}


@contextlib.contextmanager
def _consumer(settings: Settings) -> Iterator[Consumer]:
    # Only asks for offsets; it never joins the group.
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap_servers,
            "group.id": settings.analyzer_group,
            "enable.auto.commit": False,
        }
    )
    try:
        yield consumer
    finally:
        consumer.close()


def dead_letters(settings: Settings) -> list[Message]:
    config = {"bootstrap.servers": settings.kafka_bootstrap_servers}
    topic = settings.kafka_dead_letter_topic
    return list(read_to_current_end(topic, config, group_id="accounting"))


def source_position(message: Message) -> tuple[str, int, int]:
    headers: dict[str, bytes] = dict(message.headers() or ())  # type: ignore[arg-type]
    return (
        headers[dead_letter.TOPIC].decode(),
        int(headers[dead_letter.PARTITION]),
        int(headers[dead_letter.OFFSET]),
    )


def every_incident(session: Session) -> list[IncidentView]:
    reader = IncidentReader(session)
    found = [reader.read(row.incident_id) for row in session.execute(_INCIDENT_IDS)]
    return [view for view in found if view is not None]


def incidents(session: Session) -> list[IncidentView]:
    return [view for view in every_incident(session) if view.merged_into is None]


def merged_ones_say_so(session: Session) -> bool:
    """What was merged after its first notice has been updated for the last time."""
    merged = [view for view in every_incident(session) if view.merged_into is not None]
    return all(one.message is None or one.message.state == "settled" for one in merged)


def check_told_once(session: Session, slack: SlackProcess) -> None:
    """Each incident has one message, or is named by one digest; both only if it got worse since.

    What was merged is told with the incident that it is a part of. It has a message of its own only
    if that went out before, and then that message names the other.
    """
    views = every_incident(session)
    sent = slack.recorded()["messages"]
    messages = Counter(incident_of(one["metadata"]) for one in sent)
    rows = session.execute("SELECT digest_id, incident_id FROM digest_incidents")
    members = [(str(row.digest_id), str(row.incident_id)) for row in rows]
    named = Counter(incident for _, incident in members)
    assert set(messages.values()) | set(named.values()) <= {1}
    known = {str(one.incident_id) for one in views} | {digest for digest, _ in members}
    assert messages.keys() <= known
    standing = {str(one.incident_id) for one in views if one.merged_into is None}
    assert standing <= messages.keys() | named.keys()
    merged = {str(one.incident_id): str(one.merged_into) for one in views if one.merged_into}
    assert set(merged.values()) <= standing
    for one in sent:
        incident = incident_of(one["metadata"])
        if incident in merged:
            assert merged[incident] in json.dumps(one["blocks"])


def all_standing(views: Iterable[IncidentView]) -> bool:
    """Every incident has its message in the channel, or is named by a digest."""
    told = ("live", "settled", "digested")
    return all(one.message and one.message.state in told for one in views)


def errors_counted(session: Session) -> int:
    rows = session.execute("SELECT remembered, overflow FROM episode_tallies")
    return sum((row.remembered or 0) + (row.overflow or 0) for row in rows)


_INCIDENT_IDS = "SELECT incident_id FROM incidents"


class SlackProcess:
    """The Slack stub as a process of its own."""

    def __init__(self, url: str) -> None:
        self.url = url

    @property
    def env(self) -> dict[str, str]:
        return {"SLACK_BOT_TOKEN": "xoxb-test", "SLACK_API_URL": f"{self.url}/api/"}

    def recorded(self) -> dict[str, Any]:
        return dict(httpx.get(f"{self.url}/recorded", timeout=30, trust_env=False).json())

    def posts(self) -> Counter[str]:
        """How often a message was posted for each incident, successfully or not; no replies."""
        bodies = [
            request["body"]
            for request in self.recorded()["requests"]
            if request["path"] == "/api/chat.postMessage" and "thread_ts" not in request["body"]
        ]
        return Counter(incident_of(body["metadata"]) for body in bodies)

    def messages(self) -> Counter[str]:
        """How many messages stand in the channel for each incident."""
        return Counter(incident_of(one["metadata"]) for one in self.recorded()["messages"])


def incident_of(metadata: str | dict[str, Any]) -> str:
    decoded = json.loads(metadata) if isinstance(metadata, str) else metadata
    return str(decoded["event_payload"]["incident_id"])


@contextlib.contextmanager
def slack_process() -> Iterator[SlackProcess]:
    command = [sys.executable, "-m", "tests.stubs.slack"]
    with subprocess.Popen(
        command, cwd=PROJECT_ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield SlackProcess(process.stdout.readline().strip())
        finally:
            process.kill()


class AnalyzerProcess:
    """`firstcause analyzer`, or another module that runs it; `start` again after a kill."""

    def __init__(
        self,
        env: dict[str, str],
        log_file: Path,
        module: Sequence[str] = ("firstcause.cli.app", "analyzer"),
    ) -> None:
        self._module = module
        self._env = env | NO_OLD_NEWS
        self._log_file = log_file
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self._log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", *self._module],
                env=self._env,
                cwd=PROJECT_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        assert self.process is not None
        assert self.process.poll() is None, f"the analyzer ended by itself: see {self._log_file}"
        self.process.kill()
        self.process.wait(30)

    def __enter__(self) -> AnalyzerProcess:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait(30)


@dataclass(frozen=True)
class Account:
    """Where a stream's messages must be once it has been worked off."""

    settings: Settings
    session: Session
    slack: SlackProcess
    sent: Sent

    def is_worked_off(self, committed: Callable[[], int]) -> bool:
        """Both consumers are at the topic's end, and each incident's message is out."""
        if committed() != self.sent.total or sum(self.group().values()) != self.sent.total:
            return False
        views = incidents(self.session)
        return bool(views) and all(one.message and one.message.state == "live" for one in views)

    def group(self) -> dict[int, int]:
        return group_offsets(self.settings)

    def check(self) -> None:
        self._check_store()
        self._check_dead_letters()
        self._check_incidents()
        assert self.group() == end_offsets(self.settings, self.settings.kafka_logs_topic)

    def _check_store(self) -> None:
        rows = self.session.execute("SELECT count(*) FROM logs", timeout=120).one()[0]
        assert rows + self.sent.malformed.total() == self.sent.total
        stored = Counter(
            row.log_id for row in self.session.execute("SELECT log_id FROM logs", timeout=60)
        )
        assert stored.keys() == self.sent.log_ids
        assert stored.total() == rows

    def _check_dead_letters(self) -> None:
        letters = dead_letters(self.settings)
        assert len({source_position(one) for one in letters}) == self.sent.malformed.total()
        assert Counter(one.value() for one in letters) == self.sent.malformed

    def _check_incidents(self) -> None:
        views = incidents(self.session)
        assert sum(one.error_count for one in views) == self.sent.errors
        once = {str(one.incident_id) for one in views}
        posts, messages = self.slack.posts(), self.slack.messages()
        # Many at once are told by one digest, each named once.
        query = "SELECT incident_id FROM digest_incidents"
        named = Counter(str(row.incident_id) for row in self.session.execute(query))
        # What was merged after its first notice had one as well.
        assert posts.keys() == messages.keys()
        assert once <= posts.keys() | named.keys()
        assert set(posts.values()) == set(messages.values()) == {1}
        assert set(named.values()) <= {1}
        own = [one for one in views if str(one.incident_id) in posts]
        assert {one.message.channel for one in own if one.message} == {CHANNEL_ID}
