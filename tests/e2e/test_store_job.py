"""The running store job: rubbish, a real fault case sent twice, history, a topic that was cut.

One driver serves most tests, as a start takes longer than what is tested; they run in order.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from cassandra.cluster import Session
from confluent_kafka import Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from firstcause import cassandra, dead_letter
from firstcause.log_event import UnreadableLogEvent, read_log_event
from firstcause.log_history import LogHistory
from firstcause.log_partition import shard_of
from firstcause.migrations import split_statements
from firstcause.settings import PROJECT_ROOT, Settings
from firstcause.stream_audit import StreamAudit, Tally
from firstcause.topic_snapshot import messages_now
from generators.kafka_producer import connect_producer, produce
from generators.replay import Replay, ReplayOptions
from spark.driver_progress import Progress
from tests.hostile import HOSTILE
from tests.installation import Installation
from tests.integration.analyzer_parts import eventually
from tests.streaming_driver import StoreDriver, running

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

CASE = PROJECT_ROOT.parent / "shared" / "data" / "trainticket" / "case-08" / "logs.jsonl.gz"
PATIENCE_SECONDS = 120.0


@pytest.fixture(scope="module")
def session(settings: Settings) -> Iterator[Session]:
    with cassandra.session(settings) as opened:
        yield opened


@pytest.fixture(scope="module")
def audit(settings: Settings, session: Session) -> Iterator[StreamAudit]:
    opened = StreamAudit(settings, session)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def driver(services: Installation, settings: Settings) -> Iterator[StoreDriver]:
    one = StoreDriver(settings, {**services.env, **product_names(settings)})
    with running(one):
        yield one


def product_names(settings: Settings) -> dict[str, str]:
    from firstcause.local.environment import settings_environment

    return settings_environment(settings)


def hostile_values(now: datetime) -> dict[str, tuple[bytes | None, str | None]]:
    """The rubbish, each event with a log id of its own and times around now."""
    made = {}
    for name, (value, reason) in HOSTILE.items():
        made[name] = (None if value is None else renewed(value, now), reason)
    # It names a day ahead of a time of its own.
    del made["timestamp a day ahead"]
    return made


def renewed(value: bytes, now: datetime) -> bytes:
    for old, new in (
        (b"6f9619ff-8b86-4d01-b42d-00cf4fc964ff", str(uuid4())),
        (b"2026-03-01T11:59:59.123Z", now.isoformat()),
        (b"2027-03-01", f"{now.year + 1}-12-31"),
    ):
        value = value.replace(old, new.encode())
    return value


def letters_of(settings: Settings) -> list[Message]:
    config = {"bootstrap.servers": settings.kafka_bootstrap_servers}
    topic = settings.kafka_dead_letter_topic
    return list(messages_now(topic, config, group_id=f"test-{uuid4()}"))


def test_each_kind_of_rubbish_ends_as_a_row_or_as_a_dead_letter(
    settings: Settings, session: Session, driver: StoreDriver
) -> None:
    values = hostile_values(datetime.now(UTC))
    positions: dict[tuple[int, int], str] = {}
    producer = Producer(
        {
            "bootstrap.servers": settings.kafka_bootstrap_servers,
            "message.max.bytes": settings.kafka_max_message_bytes,
        }
    )
    for name, (value, _) in values.items():

        def sent(error: object, message: Message, name: str = name) -> None:
            assert error is None
            positions[message.partition(), message.offset()] = name

        producer.produce(settings.kafka_logs_topic, value, key="not-the-service", on_delivery=sent)
    assert producer.flush(60) == 0

    unreadable = {name for name, (_, reason) in values.items() if reason is not None}
    eventually(driver.committed, lambda done: done >= len(values), PATIENCE_SECONDS)
    letters = letters_of(settings)
    assert len(letters) == len(unreadable)
    for letter in letters:
        headers = {key: value.decode() for key, value in letter.headers()}
        source = int(headers[dead_letter.PARTITION]), int(headers[dead_letter.OFFSET])
        value, reason = values[positions[source]]
        assert letter.value() == value, positions[source]
        assert letter.key() == b"not-the-service"
        assert headers[dead_letter.REASON] == reason, positions[source]
        assert headers[dead_letter.TOPIC] == settings.kafka_logs_topic
        assert headers[dead_letter.CONSUMER] == "store_logs"

    stored = {str(row.log_id): row for row in session.execute("SELECT * FROM logs")}
    received_ms = int(time.time() * 1000)
    for name in values.keys() - unreadable:
        event = read_log_event(values[name][0], received_ms)
        row = stored.pop(event.log_id)
        assert (row.service_name, row.level) == (event.service_name, event.level), name
        assert row.message == event.message, name
        assert row.shard == shard_of(event.log_id), name
        assert row.timestamp.replace(tzinfo=UTC).timestamp() * 1000 == event.timestamp_ms, name
        assert dict(row.attributes or {}) == event.attributes, name
    assert not stored


@pytest.mark.skipif(not CASE.is_file(), reason="the TrainTicket cases are not there")
def test_each_line_of_a_real_case_is_stored_once_also_when_sent_twice(
    settings: Settings, session: Session, driver: StoreDriver, audit: StreamAudit
) -> None:
    with gzip.open(CASE) as lines:
        sent = sorted(UUID(json.loads(line)["log_id"]) for line in lines)
    before = driver.committed()
    for turn in (1, 2):
        batches = Replay([CASE], ReplayOptions()).batches()
        report = produce(connect_producer(settings), settings.kafka_logs_topic, batches)
        assert report.sent == len(sent)
        wanted = before + turn * len(sent)
        eventually(driver.committed, lambda done, at=wanted: done >= at, PATIENCE_SECONDS)
        rows = session.execute("SELECT log_id, service_name FROM logs")
        assert sorted(row.log_id for row in rows if row.service_name.startswith("ts-")) == sent
    tally = audit.tally()
    expected = Tally(2 * len(sent), len(sent), len(sent), len(sent), tally.dead_letters)
    assert tally.complete
    assert (tally.sent, tally.stored) == (expected.sent, expected.stored)


def test_history_shows_what_was_stored(
    settings: Settings, session: Session, driver: StoreDriver
) -> None:
    heard = LogHistory(session).services()["payment"]
    assert abs(heard.timestamp() - time.time()) < 600

    def logs(*arguments: str, code: int = 0) -> list[dict[str, object]]:
        done = subprocess.run(
            [sys.executable, "-m", "firstcause.cli.app", "logs", "--json", *arguments],
            env={**driver.env, "LOG_FORMAT": "json"},
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode == code, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    of_service = logs("--service", "payment", "--limit", "1000")
    assert of_service
    times = [str(row["timestamp"]) for row in of_service]
    assert times == sorted(times, reverse=True)
    assert len(logs("--service", "payment", "--limit", "2")) == 2
    fatal = logs("--service", "payment", "--level", "critical")
    assert {row["level"] for row in fatal} == {"FATAL"}
    codes = logs("--service", "payment", "--status-code", "502", "--limit", "1000")
    assert len(codes) == len([row for row in of_service if row.get("status_code") == 502])
    trace = logs("--trace", str(of_service[0]["trace_id"]))
    assert {row["trace_id"] for row in trace} == {of_service[0]["trace_id"]}
    assert logs("--service", "payment", "--from", "2000-01-01", "--to", "2000-01-02") == []
    logs(code=2)


def test_each_ready_made_query_runs(session: Session) -> None:
    files = sorted((PROJECT_ROOT / "cassandra" / "queries").glob("*.cql"))
    assert files
    for file in files:
        for statement in split_statements(file.read_text(encoding="utf-8")):
            session.execute(statement)


def test_a_second_driver_on_the_same_checkpoint_refuses(driver: StoreDriver) -> None:
    done = subprocess.run(
        driver.command(),
        env=driver.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode != 0
    assert "stop it first" in done.stdout + done.stderr
    assert driver.processes(), "the first one goes on"


def test_offsets_that_kafka_lost_are_named(settings: Settings, driver: StoreDriver) -> None:
    driver.stop()
    produce_one = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers})
    for partition in range(settings.kafka_logs_partitions):
        produce_one.produce(settings.kafka_logs_topic, b"{}", partition=partition)
    assert produce_one.flush(30) == 0
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers})
    everything = [
        TopicPartition(settings.kafka_logs_topic, number, -1)
        for number in range(settings.kafka_logs_partitions)
    ]
    for done in admin.delete_records(everything).values():
        done.result()
    driver.start()
    progress = eventually(
        lambda: Progress.read(driver.files.progress),
        lambda found: found is not None and found.fatal_error,
        PATIENCE_SECONDS,
    )
    assert progress is not None
    assert "Kafka no longer has" in str(progress.fatal_error)
    assert f"{settings.kafka_logs_topic}/0: offsets" in str(progress.fatal_error)
    assert str(driver.checkpoint) in str(progress.fatal_error)
    eventually(driver.processes, lambda found: not found)


def test_the_analyzer_reader_agrees_on_what_is_rubbish() -> None:
    now = datetime.now(UTC)
    for name, (value, reason) in hostile_values(now).items():
        try:
            read_log_event(value, int(now.timestamp() * 1000))
            found = None
        except UnreadableLogEvent as error:
            found = error.reason.value
        assert found == reason, name
