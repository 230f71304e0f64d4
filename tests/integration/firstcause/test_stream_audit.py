"""The audit that the demo's counts come from."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from confluent_kafka import Producer

from firstcause.cli.demo.stream_audit import StreamAudit, Tally
from firstcause.dead_letters import headers as dead_letter
from firstcause.settings import Settings
from firstcause.storage import cassandra
from tests.hostile import GOOD

pytestmark = pytest.mark.integration

MOMENT = datetime(2026, 3, 1, 11, 59, 59, tzinfo=UTC)


def event(log_id: UUID) -> bytes:
    return json.dumps({**GOOD, "timestamp": MOMENT.isoformat(), "log_id": str(log_id)}).encode()


def send(settings: Settings, values: list[bytes]) -> None:
    producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers})
    for number, value in enumerate(values):
        producer.produce(settings.kafka_logs_topic, value, partition=number % 3)
    assert producer.flush(30) == 0


def test_counts_what_was_sent_since_it_began_and_what_is_stored(settings: Settings) -> None:
    send(settings, [event(uuid4()) for _ in range(50)])
    ids = [uuid4() for _ in range(3000)]
    with cassandra.session(settings) as session:
        audit = StreamAudit(settings, session)
        assert audit.tally() == Tally(0, 0, 0, 0, 0)
        send(settings, [*map(event, ids), event(ids[0]), b"rubbish"])
        assert audit.tally() == Tally(3002, 1, 3000, 0, 0)
        assert not audit.tally().complete
        insert = session.prepare(
            "INSERT INTO logs (service_name, minute, shard, timestamp, log_id) "
            "VALUES ('payment', ?, ?, ?, ?)"
        )
        for number, log_id in enumerate(ids):
            minute = MOMENT.replace(second=0)
            session.execute(insert, (minute, number % 4, MOMENT, log_id))
        tally = audit.tally()
        assert tally == Tally(3002, 1, 3000, 3000, 0)
        assert not tally.complete, "the unreadable one is nowhere yet"
        producer = Producer({"bootstrap.servers": settings.kafka_bootstrap_servers})
        of_spans = {dead_letter.CONSUMER: dead_letter.SPAN_CONSUMER}
        producer.produce(settings.kafka_dead_letter_topic, b"no span", headers=of_spans)
        assert producer.flush(30) == 0
        assert not audit.tally().complete, "nor is a span's dead letter its own"
        producer.produce(settings.kafka_dead_letter_topic, b"rubbish")
        assert producer.flush(30) == 0
        assert audit.tally().complete
        assert audit.log_ids() == frozenset(ids)
        audit.close()
