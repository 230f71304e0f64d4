"""The store job as a process: what becomes of each message, and when it refuses to go on.

The tests follow each other on one stream: each goes on where the one before it stopped.
"""

from __future__ import annotations

import functools
import itertools
import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import psutil
import pytest
from cassandra.cluster import Session
from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    ResourceType,
)

from alerting.log_anomaly import log_anomaly
from firstcause.dead_letters import headers as dead_letter
from firstcause.dead_letters.fill import read_fill
from firstcause.events.log_event import LogEvent, UnreadableLogEvent, read_log_event
from firstcause.kafka.topics import ensure_topics
from firstcause.local.daemons.environment import settings_environment
from firstcause.settings import PROJECT_ROOT, Settings
from firstcause.storage import log_history
from firstcause.streams.progress import Progress
from spark.records.log_events import SHARDS
from tests.command_line import firstcause
from tests.e2e.accounting import dead_letters, end_offsets, source_position
from tests.hostile import GOOD, HOSTILE, with_fields
from tests.installation import Installation
from tests.integration.log_analyzer.analyzer_parts import eventually
from tests.integration.spark.hostile_values import generated
from tests.streaming_driver import StoreDriver

# When the messages arrived, whenever the test runs: the topic keeps the producer's time.
RECEIVED_MS = int(datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC).timestamp() * 1000)
# `HOSTILE_GOOD=1000` puts each hostile message among a thousand good ones; that takes minutes.
GOOD_FOR_EACH = int(os.environ.get("HOSTILE_GOOD", "10"))
FUZZED_COUNT = 100
KEY = b"not-the-service"
START_SECONDS = 240.0 + GOOD_FOR_EACH

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600 + 4 * GOOD_FOR_EACH)]


@dataclass(frozen=True)
class Message:
    """One message as it is sent, and what must become of it."""

    name: str
    value: bytes | None
    reason: str | None


def with_own_id(name: str, value: bytes | None) -> bytes | None:
    """The same rubbish with a log id of its own, so that each good one is a row of its own."""
    own = str(uuid.uuid5(uuid.NAMESPACE_OID, name))
    return value and value.replace(GOOD["log_id"].encode(), own.encode())


def decided(name: str, value: bytes | None) -> Message:
    """What must become of a value, by the analyzer's reader: both have to decide alike."""
    own = with_own_id(name, value)
    try:
        read_log_event(own, RECEIVED_MS)
    except UnreadableLogEvent as error:
        return Message(name, own, error.reason.value)
    return Message(name, own, None)


def among_good(hostile: list[Message]) -> list[Message]:
    """Each of them behind good events."""
    good = itertools.count()
    mixed = []
    for message in hostile:
        names = [f"good {next(good)}" for _ in range(GOOD_FOR_EACH)]
        mixed += [Message(name, with_own_id(name, with_fields({})), None) for name in names]
        mixed.append(message)
    return mixed


# Not at import: making them takes seconds.
@functools.cache
def messages() -> list[Message]:
    by_hand = [
        Message(name, with_own_id(name, value), reason) for name, (value, reason) in HOSTILE.items()
    ]
    fuzzed = [decided(f"fuzzed {at}", value) for at, value in enumerate(generated(FUZZED_COUNT))]
    return among_good(by_hand + fuzzed)


def stored() -> list[Message]:
    return [message for message in messages() if message.reason is None]


def unreadable() -> list[Message]:
    return [message for message in messages() if message.reason is not None]


@pytest.fixture(scope="module")
def own(
    settings: Settings, kafka: AdminClient, tmp_path_factory: pytest.TempPathFactory
) -> Settings:
    """Topics, rows and checkpoints of this module alone."""
    own = settings.model_copy(update={"firstcause_home": tmp_path_factory.mktemp("store")})
    make_topic(kafka, own)
    return own


@pytest.fixture(scope="module")
def driver(own: Settings) -> Iterator[StoreDriver]:
    made = StoreDriver(own, {**os.environ, **settings_environment(own)})
    yield made
    made.stop()


@pytest.fixture(scope="module")
def kafka(services: Installation) -> AdminClient:
    # Kept: its requests end with it.
    return AdminClient({"bootstrap.servers": services.settings.kafka_bootstrap_servers})


def make_topic(kafka: AdminClient, settings: Settings) -> None:
    ensure_topics(settings)
    # What arrived in a test's past must not be deleted for its age.
    changes = {"message.timestamp.type": "CreateTime", "retention.ms": "-1"}
    resource = ConfigResource(
        ResourceType.TOPIC,
        settings.kafka_logs_topic,
        incremental_configs=[
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            for name, value in changes.items()
        ],
    )
    [done] = kafka.incremental_alter_configs([resource]).values()
    done.result()


def send_all(settings: Settings) -> None:
    producer = Producer(
        {
            "bootstrap.servers": settings.kafka_bootstrap_servers,
            "message.max.bytes": settings.kafka_max_message_bytes,
            "queue.buffering.max.messages": 0,  # no limit
        }
    )
    for number, message in enumerate(messages()):
        producer.produce(
            settings.kafka_logs_topic,
            value=message.value,
            key=KEY,
            partition=number % settings.kafka_logs_partitions,
            timestamp=RECEIVED_MS,
        )
    assert producer.flush(START_SECONDS) == 0


def await_all_done(driver: StoreDriver) -> None:
    wanted = sum(end_offsets(driver.settings, driver.settings.kafka_logs_topic).values())
    eventually(driver.committed, lambda done: done == wanted, START_SECONDS)


def run_to_its_end(driver: StoreDriver) -> tuple[int, list[str]]:
    """Runs a driver that is expected to end by itself: exit code, and its complaints."""
    before = driver.files.log.stat().st_size
    exit_code = psutil.Process(driver.start().pid).wait(START_SECONDS)
    log = driver.files.log.read_bytes()[before:].decode().splitlines()
    told = [json.loads(line) for line in log if line.startswith("{")]
    return int(exit_code), [one["error"] for one in told if one["event"] == "job_failed"]


def rows(session: Session) -> dict[str, dict]:
    names = ", ".join((*log_history.COLUMNS, "minute", "shard"))
    found = [row._asdict() for row in session.execute(f"SELECT {names} FROM logs")]
    assert len({row["log_id"] for row in found}) == len(found)
    return {str(row["log_id"]): row for row in found}


def test_each_message_is_a_row_or_a_dead_letter(
    own: Settings, session: Session, driver: StoreDriver
) -> None:
    send_all(own)
    started = driver.start()
    await_all_done(driver)
    assert started.is_alive(), "nobody restarts it here"
    found = rows(session)
    expected = {event.log_id: event for event in map(read_again, stored())}
    assert found.keys() == expected.keys()
    for log_id, event in expected.items():
        check_row(found[log_id], event)
    fill = read_fill(own)
    assert fill is not None
    assert fill.used_bytes > 0
    letters = {source_position(letter)[1:]: letter for letter in dead_letters(own)}
    assert len(letters) == len(unreadable())
    print(f"{len(found):,} stored, {len(letters):,} dead letters, no restart")
    for number, message in enumerate(messages()):
        if message.reason is None:
            continue
        partitions = own.kafka_logs_partitions
        letter = letters[number % partitions, number // partitions]
        assert letter.value() == message.value, message.name
        assert letter.key() == KEY
        assert dict(letter.headers()) == {
            dead_letter.REASON: message.reason.encode(),
            dead_letter.TOPIC: own.kafka_logs_topic.encode(),
            dead_letter.PARTITION: str(number % partitions).encode(),
            dead_letter.OFFSET: str(number // partitions).encode(),
            dead_letter.CONSUMER: b"store_logs",
        }, message.name


def read_again(message: Message) -> LogEvent:
    return read_log_event(message.value, RECEIVED_MS)


def check_row(row: dict, event: LogEvent) -> None:
    moment = row["timestamp"].replace(tzinfo=UTC)
    assert round(moment.timestamp() * 1000) == event.timestamp_ms
    assert row["minute"].replace(tzinfo=UTC) == moment.replace(second=0, microsecond=0)
    assert row["shard"] in range(SHARDS)
    for name in ("service_name", "level", "status_code", "latency_ms", "trace_id", "instance"):
        assert row[name] == getattr(event, name), (name, event.log_id)
    odd = log_anomaly(event.level, event.status_code, event.latency_ms, row["error_code"])
    assert row["anomaly"] == odd.severity, event.log_id
    assert same_json(row["message"], event.message)
    assert (row["attributes"] or {}).keys() == event.attributes.keys()


def same_json(one: str, other: str) -> bool:
    """Java and Python write the same JSON with small differences."""
    return one == other or (one[:1] in "{[" and json.loads(one) == json.loads(other))


def test_the_minutes_and_the_services_are_known(session: Session) -> None:
    events = [read_again(message) for message in stored()]
    expected = {(one.service_name, one.timestamp_ms // 60_000 * 60) for one in events}
    found = {
        (row.service_name, int(row.minute.replace(tzinfo=UTC).timestamp()))
        for row in session.execute("SELECT service_name, minute FROM log_minutes")
    }
    assert found == expected
    heard = {
        row.service_name: int(row.last_heard.replace(tzinfo=UTC).timestamp())
        for row in session.execute("SELECT service_name, last_heard FROM services")
    }
    assert heard == {
        name: max(one.timestamp_ms // 1000 for one in events if one.service_name == name)
        for name in {one.service_name for one in events}
    }
    # The names of old pods must not pile up.
    lives = {row.left for row in session.execute("SELECT TTL(last_heard) AS left FROM services")}
    assert None not in lives
    assert max(lives) <= 30 * 24 * 3600


def command_line(own: Settings, *arguments: str) -> list[dict]:
    env = {**os.environ, **settings_environment(own)}
    done = firstcause(env, "logs", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    # Not `splitlines`: a text may hold other line terminators.
    return [json.loads(line) for line in done.stdout.split("\n") if line]


def test_the_command_line_shows_them(own: Settings) -> None:
    assert SHARDS == log_history.SHARDS
    span = ("--from", "2026-03-01T11:00:00Z", "--to", "2026-03-02T13:00:00Z", "--limit", "1000000")
    shown = command_line(own, "--service", "payment", *span)
    day = [read_again(one) for one in stored()]
    # A name with another line terminator behind it is another service.
    own_day = [one for one in day if one.service_name == "payment"]
    expected = {one.log_id for one in own_day if one.timestamp_ms > RECEIVED_MS - 3_600_000}
    assert {one["log_id"] for one in shown} == expected
    times = [one["timestamp"] for one in shown]
    assert times == sorted(times, reverse=True)
    fatal = command_line(own, "--service", "payment", "--level", "critical", *span)
    assert {one["log_id"] for one in fatal} == {
        one.log_id for one in own_day if one.level == "FATAL"
    }
    odd = command_line(own, "--service", "payment", "--anomaly", "high", *span)
    assert odd
    assert {one["anomaly"] for one in odd} <= {"high", "critical"}
    assert {one["log_id"] for one in odd} == {
        one["log_id"] for one in shown if one.get("anomaly") in ("high", "critical")
    }
    trace = command_line(own, "--trace", GOOD["trace_id"], "--limit", "1000000")
    assert {one["trace_id"] for one in trace} == {GOOD["trace_id"]}
    assert len(trace) == sum(one.trace_id == GOOD["trace_id"] for one in day)


def test_a_second_driver_on_the_checkpoint_refuses_with_one_line(
    own: Settings, driver: StoreDriver
) -> None:
    running = Progress.read(driver.files.progress)
    assert running is not None
    done = subprocess.run(
        [sys.executable, str(PROJECT_ROOT / "spark" / "store_logs.py")],
        env=driver.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    [line] = done.stderr.splitlines()
    told = f"Another driver (pid {running.pid}) works on store_logs: stop it first."
    assert json.loads(line)["error"] == told
    after = Progress.read(driver.files.progress)
    assert after is not None
    assert after.pid == running.pid


def test_sending_all_again_changes_no_row(
    own: Settings, session: Session, driver: StoreDriver
) -> None:
    before = rows(session)
    send_all(own)
    await_all_done(driver)
    assert rows(session) == before
    assert len(dead_letters(own)) == 2 * len(unreadable())
    driver.stop_gracefully()


def test_a_batch_that_is_done_again_doubles_nothing(
    own: Settings, session: Session, driver: StoreDriver
) -> None:
    """As after a crash between the writes and the checkpoint."""
    before = rows(session)
    commits = driver.checkpoint / "commits"
    newest = max(int(path.name) for path in commits.iterdir() if path.name.isdigit())
    (commits / str(newest)).unlink()
    (commits / f".{newest}.crc").unlink(missing_ok=True)
    driver.start()
    eventually((commits / str(newest)).exists, bool, START_SECONDS)
    driver.stop_gracefully()
    assert rows(session) == before
    letters = [source_position(letter) for letter in dead_letters(own)]
    assert len(letters) == len(set(letters)) == 2 * len(unreadable())


def test_a_checkpoint_that_was_moved_away_doubles_no_letter(
    own: Settings, session: Session, driver: StoreDriver
) -> None:
    """As a person does who follows the advice of a failed driver; letters are older than that."""
    before = rows(session)
    producer = Producer({"bootstrap.servers": own.kafka_bootstrap_servers})
    producer.produce(own.kafka_logs_topic, value=b"old", partition=0, timestamp=RECEIVED_MS)
    assert producer.flush(60) == 0
    position = str(end_offsets(own, own.kafka_logs_topic)[0] - 1)
    headers = {
        dead_letter.REASON: "not_json_object",
        dead_letter.TOPIC: own.kafka_logs_topic,
        dead_letter.PARTITION: "0",
        dead_letter.OFFSET: position,
        dead_letter.CONSUMER: "store_logs",
    }
    yesterday_ms = int(time.time() * 1000) - 24 * 3600 * 1000
    topic = own.kafka_dead_letter_topic
    producer.produce(topic, value=b"old", headers=headers, timestamp=yesterday_ms)
    assert producer.flush(60) == 0
    shutil.move(driver.checkpoint, driver.checkpoint.with_name("moved_away"))
    driver.start()
    await_all_done(driver)
    driver.stop_gracefully()
    assert rows(session) == before
    letters = [source_position(letter) for letter in dead_letters(own)]
    assert len(letters) == len(set(letters)) == 2 * len(unreadable()) + 1


def test_offsets_that_kafka_deleted_are_told_and_not_skipped(
    own: Settings, driver: StoreDriver, kafka: AdminClient
) -> None:
    send_all(own)
    ends = end_offsets(own, own.kafka_logs_topic)
    gone = TopicPartition(own.kafka_logs_topic, 0, ends[0] - 1)
    kafka.delete_records([gone])[gone].result()
    exit_code, [complaint] = run_to_its_end(driver)
    assert exit_code != 0
    of_partition = (len(messages()) + own.kafka_logs_partitions - 1) // own.kafka_logs_partitions
    first = 2 * of_partition + 1
    assert f"{own.kafka_logs_topic}/0: offsets {first} to {ends[0] - 2}" in complaint
    assert str(driver.checkpoint) in complaint
    check_fatal(driver, complaint)


def test_a_topic_that_was_made_anew_is_told(
    own: Settings, driver: StoreDriver, kafka: AdminClient
) -> None:
    [deleted] = kafka.delete_topics([own.kafka_logs_topic]).values()
    deleted.result()
    eventually(
        lambda: own.kafka_logs_topic in kafka.list_topics(timeout=30).topics,
        lambda there: not there,
    )
    make_topic(kafka, own)
    exit_code, [complaint] = run_to_its_end(driver)
    assert exit_code != 0
    assert own.kafka_logs_topic in complaint
    assert "was made anew" in complaint
    check_fatal(driver, complaint)


def check_fatal(driver: StoreDriver, complaint: str) -> None:
    """A supervisor is told that no restart helps."""
    progress = Progress.read(driver.files.progress)
    assert progress is not None
    assert progress.fatal_error == complaint
