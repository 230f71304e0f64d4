"""The ingest bridge as a process against a real Kafka, killed in the middle of its work."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest

from firstcause.dead_letters import headers as dead_letter
from firstcause.settings import Settings
from tests.integration.ingest.ingest_process import (
    WAIT_SECONDS,
    await_events,
    bridge,
    own_settings,
    read,
    send,
)

pytestmark = pytest.mark.integration

TRACE = [
    "ERROR 2026-11-22 09:20:00,029 [main] a.b.App - run failed",
    "a.b.ServerException: cannot start",
    "\tat a.b.Server.start(Server.java:215)",
    "Caused by: java.net.BindException: in use",
]


@pytest.fixture
def own(settings: Settings, tmp_path: Path) -> Settings:
    return own_settings(settings, tmp_path)


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
    told = dict(letter.headers())
    assert letter.value() == b"\xff\xfe"
    assert told[dead_letter.REASON] == b"not_utf8"
    assert told[dead_letter.TOPIC] == own.ingest_lines_topic.encode()


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
