"""The ingest bridge as a process against a real Kafka, killed in the middle of its work."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaException, Producer

from firstcause.dead_letters import headers as dead_letter
from firstcause.kafka.topic_snapshot import messages_now
from firstcause.kafka.topics import ensure_topics
from firstcause.settings import PROJECT_ROOT, Settings
from tests.installation import free_ports

pytestmark = pytest.mark.integration

WAIT_SECONDS = 90.0
TRACE = [
    "ERROR 2026-11-22 09:20:00,029 [main] a.b.App - run failed",
    "a.b.ServerException: cannot start",
    "\tat a.b.Server.start(Server.java:215)",
    "Caused by: java.net.BindException: in use",
]


@pytest.fixture
def own(settings: Settings, tmp_path: Path) -> Settings:
    """Topics, a group and a mapping file of the test's own."""
    suffix = uuid.uuid4().hex[:8]
    source = f"shipped_{suffix}"
    file = tmp_path / "sources.yaml"
    file.write_text(
        f"sources:\n  - topic: {source}\n    format: auto\n    service: fallback\n", "utf-8"
    )
    [port] = free_ports(1)
    fresh = settings.model_copy(
        update={
            "kafka_logs_topic": f"logs_{suffix}",
            "kafka_spans_topic": f"spans_{suffix}",
            "kafka_dead_letter_topic": f"letters_{suffix}",
            "ingest_group": f"ingest_{suffix}",
            "ingest_sources_file": file,
            "ingest_metrics_port": port,
        }
    )
    ensure_topics(fresh, sources=[source])
    return fresh


def source_of(settings: Settings) -> str:
    return settings.kafka_logs_topic.replace("logs_", "shipped_")


@contextmanager
def bridge(settings: Settings, env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    variables = {
        "KAFKA_LOGS_TOPIC": settings.kafka_logs_topic,
        "KAFKA_SPANS_TOPIC": settings.kafka_spans_topic,
        "KAFKA_DEAD_LETTER_TOPIC": settings.kafka_dead_letter_topic,
        "INGEST_GROUP": settings.ingest_group,
        "INGEST_SOURCES_FILE": str(settings.ingest_sources_file),
        "INGEST_METRICS_PORT": str(settings.ingest_metrics_port),
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "firstcause.cli.app", "ingest"],
        cwd=PROJECT_ROOT,
        env={**env, **variables},
        stdin=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def send(settings: Settings, records: list[tuple[str, bytes]]) -> None:
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers, "linger.ms": 20})
    for key, value in records:
        producer.produce(source_of(settings), key=key, value=value)
        producer.poll(0)
    assert producer.flush(30) == 0


def read(settings: Settings, topic: str) -> list[Any]:
    config = {"bootstrap.servers": settings.kafka_bootstrap_servers}
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return list(messages_now(topic, config, group_id=f"test_{uuid.uuid4().hex}"))
        except KafkaException as failure:
            # A topic that was just made may have no leader yet.
            if not failure.args[0].retriable() or time.monotonic() > deadline:
                raise


def await_events(settings: Settings, count: int) -> list[dict[str, Any]]:
    """All log events, once there are as many; more than that is seen as well."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        found = [
            json.loads(message.value()) for message in read(settings, settings.kafka_logs_topic)
        ]
        if len(found) >= count or time.monotonic() > deadline:
            return found


def line(text: str, pod: str) -> bytes:
    kubernetes = {"pod_name": pod, "container_name": pod}
    record = {"@timestamp": 1795339200.5, "log": f"{text}\n", "stream": "stderr"}
    return json.dumps({**record, "kubernetes": kubernetes}).encode()


def test_records_become_log_events_spans_and_dead_letters(
    own: Settings, product_env: dict[str, str]
) -> None:
    trace = "4ae9a7734adbf27997161bbdd85a3e93"
    times = {"startTimeUnixNano": "1795339200000000000", "endTimeUnixNano": "1795339200000500000"}
    span = {"traceId": trace, "spanId": "eee19b7ec3c1b174", "name": "pay", **times}
    records = [
        *[("cart", line(text, "cart")) for text in TRACE],
        ("x", json.dumps({"level": 50, "msg": "no", "time": 1795339200445}).encode()),
        ("x", b"\xff\xfe"),
        ("x", json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]}).encode()),
    ]
    send(own, records)
    with bridge(own, product_env):
        events = await_events(own, 2)
        spans = read(own, own.kafka_spans_topic)
        letters = read(own, own.kafka_dead_letter_topic)
    by_service = {event["service_name"]: event for event in events}
    assert len(events) == 2
    assert by_service["cart"]["message"] == "run failed"
    assert by_service["cart"]["exception"].count("\n") == len(TRACE) - 1
    assert by_service["fallback"]["level"] == "ERROR"
    assert [json.loads(message.value())["resourceSpans"] for message in spans]
    [letter] = letters
    headers = dict(letter.headers())
    assert letter.value() == b"\xff\xfe"
    assert headers[dead_letter.REASON] == b"not_utf8"
    assert headers[dead_letter.TOPIC] == source_of(own).encode()


def test_kills_lose_nothing_repeat_nothing_and_tear_nothing(
    own: Settings, product_env: dict[str, str]
) -> None:
    pods = [f"pod{number}" for number in range(20)]
    count, kills = 400, 6
    records = []
    for number in range(count):
        for pod in pods:
            texts = TRACE if number % 5 == 0 else [f"INFO line {number}"]
            run = [text.replace("run failed", f"run {number}") for text in texts]
            records += [(pod, line(text, pod)) for text in run]
            if number % 50 == 0:
                records.append((pod, b"\xff" + f"{pod}/{number}".encode()))
    expected = count * len(pods)
    for start in range(kills):
        send(own, records[_part(start, kills, len(records))])
        with bridge(own, product_env) as process:
            target = 1 + start * expected // (kills + 1)
            _await_count(own, target, process)
    with bridge(own, product_env):
        events = await_events(own, expected)
        letters = read(own, own.kafka_dead_letter_topic)
    assert len(events) == expected
    assert len({event["log_id"] for event in events}) == expected
    messages = Counter((event["service_name"], event["message"]) for event in events)
    assert max(messages.values()) == 1
    stacks = [event["exception"] for event in events if "exception" in event]
    assert len(stacks) == count // 5 * len(pods)
    assert {stack.count("\n") for stack in stacks} == {len(TRACE) - 1}
    assert len({message.value() for message in letters}) == len(letters) == count // 50 * len(pods)


def _part(index: int, parts: int, length: int) -> slice:
    return slice(index * length // parts, (index + 1) * length // parts)


def _await_count(settings: Settings, count: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while len(read(settings, settings.kafka_logs_topic)) < count:
        assert process.poll() is None
        assert time.monotonic() < deadline
