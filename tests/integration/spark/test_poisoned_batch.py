"""A record that makes its batch fail becomes a dead letter; all others are stored, at once."""

from __future__ import annotations

import json
import os
import uuid
from collections import Counter
from pathlib import Path

import pytest
from cassandra.cluster import Session
from confluent_kafka import Producer

from firstcause.dead_letters import headers as dead_letter
from firstcause.local.daemons.environment import settings_environment
from firstcause.settings import PROJECT_ROOT, Settings
from spark.store.batch import PROBE_SERVICE, PROBE_TTL_SECONDS
from tests.e2e.accounting import dead_letters, end_offsets
from tests.hostile import GOOD
from tests.integration.log_analyzer.analyzer_parts import eventually
from tests.streaming_driver import StoreDriver, running

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

GOOD_COUNT = 1_500
POISONS = ("poison: convert", "poison: evaluate")
POISONED = range(300, 1_400, 400)
NOTHING_ELSE = [*POISONED, *POISONED]
UNREADABLE = range(150, GOOD_COUNT, 500)


class PoisonedDriver(StoreDriver):
    """The driver of the store job whose content is poisoned."""

    def command(self) -> list[str]:
        app = str(PROJECT_ROOT / "tests" / "integration" / "apps" / "poisoned_store.py")
        return [*super().command()[:-1], app]


def value(number: int) -> bytes:
    if number in UNREADABLE:
        return b"no log event %d" % number
    poison = POISONS[number // 400 % 2] if number in POISONED else f"good {number}"
    log_id = str(uuid.uuid5(uuid.NAMESPACE_OID, str(number)))
    return json.dumps({**GOOD, "log_id": log_id, "message": poison}).encode()


@pytest.fixture
def own(settings: Settings, tmp_path: Path) -> Settings:
    # A slow machine may search as long as it takes.
    return settings.model_copy(update={"firstcause_home": tmp_path, "spark_stall_seconds": 3_000.0})


def send(own: Settings, values: list[bytes]) -> int:
    """Returns how many records the topic has then."""
    producer = Producer({"bootstrap.servers": own.kafka_bootstrap_servers})
    for number, sent in enumerate(values):
        producer.produce(own.kafka_logs_topic, value=sent, key=str(number))
    assert producer.flush(60) == 0
    return sum(end_offsets(own, own.kafka_logs_topic).values())


def test_poison_is_found_and_the_rest_is_stored(own: Settings, session: Session) -> None:
    # The first batch holds nothing else.
    wanted = send(own, [value(number) for number in NOTHING_ELSE])
    driver = PoisonedDriver(own, {**os.environ, **settings_environment(own)})
    with running(driver):
        eventually(driver.committed, lambda done: done == wanted, 400)
        # No reader of services meets the probe, and what was stored of it goes soon.
        assert session.execute("SELECT service_name FROM services").all() == []
        [probe] = session.execute("SELECT service_name, ttl(message) AS ttl FROM logs")
        assert probe.service_name == PROBE_SERVICE
        assert probe.ttl <= PROBE_TTL_SECONDS

        wanted = send(own, [value(number) for number in range(GOOD_COUNT)])
        eventually(driver.committed, lambda done: done == wanted, 400)

    rows = session.execute("SELECT service_name, message FROM logs")
    assert {row.message for row in rows if row.service_name != PROBE_SERVICE} == {
        f"good {number}" for number in range(GOOD_COUNT) if number not in (*POISONED, *UNREADABLE)
    }
    letters = dead_letters(own)
    reasons = Counter(dict(letter.headers())[dead_letter.REASON].decode() for letter in letters)
    assert reasons == {
        dead_letter.NOT_STORABLE: len(NOTHING_ELSE) + len(POISONED),
        "not_json_object": len(UNREADABLE),
    }
    for letter in letters:
        headers = dict(letter.headers())
        if headers[dead_letter.REASON].decode() == dead_letter.NOT_STORABLE:
            told = headers[dead_letter.ERROR].decode()
            assert "evil" in told if b"evaluate" in letter.value() else "too large" in told
    log = [
        json.loads(line) for line in driver.files.log.read_text().splitlines() if line[:1] == "{"
    ]
    events = Counter(line["event"] for line in log)
    assert events["record_not_storable"] == len(NOTHING_ELSE) + len(POISONED)
    assert events["probe_stored"] == 1
    assert events["query_failed"] == 0
    assert events["query_started"] == 1
