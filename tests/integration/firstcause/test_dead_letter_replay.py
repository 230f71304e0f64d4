"""Dead letters go back to the logs once each, against a real Kafka."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from confluent_kafka import Producer

from firstcause.dead_letters import headers as dead_letter
from firstcause.dead_letters.fixes import FIXES
from firstcause.dead_letters.replay import replay_dead_letters
from firstcause.dead_letters.request import ReplayRequest, ReplaySummary
from firstcause.kafka.topic_snapshot import read_to_current_end
from firstcause.kafka.topics import ensure_topics
from firstcause.local.daemons.airflow import airflow_environment
from firstcause.settings import PROJECT_ROOT, Settings
from tests.hostile_spans import flat, otlp
from tests.installation import Installation

pytestmark = pytest.mark.integration


@pytest.fixture
def fresh(services: Installation) -> Settings:
    names = services.fresh_names()
    ensure_topics(names)
    return names


def config(settings: Settings) -> dict[str, Any]:
    """The connection that the DAG uses."""
    connection = airflow_environment(settings)["AIRFLOW_CONN_KAFKA_DEFAULT"]
    return dict(json.loads(connection)["extra"])


def event(**changed: Any) -> bytes:
    fields = {
        "log_id": "6f9619ff-8b86-4011-b42d-00cf4fc964ff",
        "timestamp": "2026-01-22T00:00:00Z",
        "service_name": "auth",
        "level": "INFO",
        "message": "m",
        **changed,
    }
    return json.dumps(fields).encode()


def send_letters(
    settings: Settings, *letters: tuple[int, bytes | None, str], consumer: str = "store_logs"
) -> None:
    producer = Producer(config(settings))
    for offset, value, reason in letters:
        headers = {
            dead_letter.REASON: reason,
            dead_letter.TOPIC: settings.kafka_logs_topic,
            dead_letter.PARTITION: "1",
            dead_letter.OFFSET: str(offset),
            dead_letter.CONSUMER: consumer,
        }
        producer.produce(settings.kafka_dead_letter_topic, value=value, headers=headers)
        producer.poll(0)
    assert producer.flush(30) == 0


def replay(settings: Settings, **request: Any) -> ReplaySummary:
    return replay_dead_letters(settings, ReplayRequest(**request), config(settings))


def sent_back(settings: Settings) -> list[str]:
    """Source offsets of the letters in the topic of logs, one a message."""
    found = []
    for message in read_to_current_end(
        settings.kafka_logs_topic, config(settings), group_id="test"
    ):
        origin = dict(message.headers())[dead_letter.REPLAY_OF].decode()
        found.append(origin.rpartition("/")[2])
    return found


def committed(settings: Settings, count: int) -> list[str]:
    """What was sent back, in order, once so much of it can be read.

    A transaction is committed a moment before its readers see that.
    """
    wait_for(lambda: len(sent_back(settings)) >= count)
    return sorted(sent_back(settings))


NO_OFFSET = event(timestamp="2026-01-22T00:00:00")


def test_what_a_fix_mends_goes_back_once_and_the_rest_is_counted(fresh: Settings) -> None:
    send_letters(
        fresh,
        (10, NO_OFFSET, "bad_timestamp"),
        (11, event(level=None), "missing_level"),
        (12, b"\xff not json", "not_utf8"),
        (13, None, "tombstone"),
    )
    # Another consumer's letter of the same message, and the same letter twice.
    send_letters(fresh, (10, NO_OFFSET, "bad_timestamp"), consumer="analyzer")

    dry = replay(fresh, fixes=("add_missing_offset",), dry_run=True)
    assert (dry.replayed, sent_back(fresh)) == (1, [])

    summary = replay(fresh, fixes=("add_missing_offset",))
    assert (summary.letters, summary.replayed, summary.replayed_before) == (5, 1, 1)
    assert summary.still_unreadable == {"missing_level": 1, "not_utf8": 1, "tombstone": 1}
    assert committed(fresh, 1) == ["10"]

    again = replay(fresh, fixes=("add_missing_offset", "default_level"))
    assert (again.replayed, again.replayed_before) == (1, 2)
    assert committed(fresh, 2) == ["10", "11"]


def test_what_came_from_the_spans_goes_back_there_and_never_to_the_logs(fresh: Settings) -> None:
    send_letters(
        fresh,
        (10, otlp(), "start_in_future"),
        (11, flat(trace_id="?"), "bad_trace_id"),
        # Mended, it would be a log event.
        (12, event(log_id="17"), "missing_trace_id"),
        consumer="store_spans",
    )
    summary = replay(fresh, fixes=tuple(FIXES))
    assert summary.replayed == 1
    assert summary.still_unreadable == {"bad_trace_id": 1, "missing_trace_id": 1}
    spans = fresh.kafka_spans_topic
    wait_for(lambda: list(read_to_current_end(spans, config(fresh), group_id="test")))
    [back] = read_to_current_end(spans, config(fresh), group_id="test")
    assert back.value() == otlp()
    assert sent_back(fresh) == []
    assert replay(fresh).replayed_before == 1


def test_reasons_and_the_limit_choose(fresh: Settings) -> None:
    send_letters(
        fresh,
        *((offset, NO_OFFSET, "bad_timestamp") for offset in range(5)),
        (7, event(level=None), "missing_level"),
    )
    chosen = {"reasons": frozenset({"bad_timestamp"}), "fixes": ("add_missing_offset",)}
    first = replay(fresh, max_count=3, **chosen)
    assert (first.replayed, first.resumed) == (3, False)
    assert first.letters + first.unread == 6
    second = replay(fresh, max_count=3, **chosen)
    assert (second.replayed, second.resumed, second.unread) == (2, True, 0)
    assert second.letters == first.unread
    third = replay(fresh, **chosen)
    assert (third.replayed, third.replayed_before, third.resumed) == (0, 5, False)
    assert committed(fresh, 5) == ["0", "1", "2", "3", "4"]


def test_a_killed_replay_that_is_run_again_sends_each_letter_once(
    fresh: Settings, services: Installation
) -> None:
    count = 6_000
    send_letters(fresh, *((offset, NO_OFFSET, "bad_timestamp") for offset in range(count)))
    program = (
        "from firstcause.dead_letters.replay import replay_dead_letters\n"
        "from firstcause.dead_letters.request import ReplayRequest\n"
        "from firstcause.settings import load_settings\n"
        "s = load_settings()\n"
        "replay_dead_letters(s, ReplayRequest(fixes=('add_missing_offset',)),"
        " {'bootstrap.servers': s.kafka_bootstrap_servers})\n"
    )
    names = {
        name.upper(): str(getattr(fresh, name))
        for name in ("kafka_logs_topic", "kafka_dead_letter_topic", "cassandra_keyspace")
    }
    killed = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=PROJECT_ROOT,
        env={**os.environ, **services.env, **names},
    )
    wait_for(lambda: killed.poll() is not None or 0 < len(sent_back(fresh)) < count)
    killed.kill()
    killed.wait()
    before = len(sent_back(fresh))
    summary = replay(fresh, fixes=("add_missing_offset",))
    assert summary.resumed
    assert 0 < summary.letters <= count - before
    assert Counter(committed(fresh, count)) == Counter(map(str, range(count)))


def wait_for(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)
