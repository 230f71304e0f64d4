"""Generated and replayed events on a real Kafka: all there, byte for byte, once."""

from __future__ import annotations

import gzip
import time
import uuid
from collections.abc import Iterator

import numpy as np
import orjson
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType

from firstcause.events.log_event import read_log_event
from firstcause.kafka.topics import ensure_topics
from firstcause.settings import Settings
from generators.output.kafka_producer import DeliveryFailed, connect_producer, produce
from generators.output.message_batch import MessageBatch
from generators.replay import Replay, ReplayOptions
from generators.stream.event_stream import EventStream, GeneratorParameters

pytestmark = pytest.mark.integration

READ_SECONDS = 60.0


@pytest.fixture
def topics(settings: Settings) -> Iterator[Settings]:
    """Settings with topics that only this test knows; they go when it ends."""
    mark = uuid.uuid4().hex[:8]
    own = settings.model_copy(
        update={
            "kafka_logs_topic": f"produce_logs_{mark}",
            "kafka_spans_topic": f"produce_spans_{mark}",
            "kafka_dead_letter_topic": f"produce_dead_letter_{mark}",
            "kafka_alerts_topic": f"produce_alerts_{mark}",
            "kafka_escalations_topic": f"produce_escalations_{mark}",
        }
    )
    made = ensure_topics(own)
    # One each, and the ledger of replayed dead letters.
    assert len(made) == len(set(made)) == 6
    yield own
    admin = AdminClient({"bootstrap.servers": own.kafka_bootstrap_servers})
    for done in admin.delete_topics(made).values():
        done.result()


def read_all(settings: Settings, topic: str | None = None):
    """Every message of a topic, the logs' unless another is named, partition by partition."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap_servers,
            "group.id": f"read-{uuid.uuid4()}",
            "enable.auto.commit": False,
        }
    )
    topic = topic or settings.kafka_logs_topic
    messages = []
    deadline = time.monotonic() + READ_SECONDS
    try:
        for partition in range(settings.kafka_logs_partitions):
            _, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
            consumer.assign([TopicPartition(topic, partition, 0)])
            taken = []
            while len(taken) < end:
                assert time.monotonic() < deadline, "the topic could not be read in time"
                taken += consumer.consume(min(end - len(taken), 5000), timeout=1.0)
            assert not any(message.error() for message in taken)
            messages += taken
    finally:
        consumer.close()
    return messages


def test_topics_are_made_once_as_planned(topics):
    assert ensure_topics(topics) == []
    admin = AdminClient({"bootstrap.servers": topics.kafka_bootstrap_servers})
    sizes = {}
    for name in (topics.kafka_logs_topic, topics.kafka_dead_letter_topic):
        resource = ConfigResource(ResourceType.TOPIC, name)
        config = admin.describe_configs([resource])[resource].result()
        sizes[name] = int(config["max.message.bytes"].value)
        if name == topics.kafka_logs_topic:
            assert config["message.timestamp.type"].value == "LogAppendTime"
    assert sizes[topics.kafka_logs_topic] == topics.kafka_max_message_bytes
    assert sizes[topics.kafka_dead_letter_topic] == 2 * topics.kafka_max_message_bytes
    described = admin.list_topics(topics.kafka_logs_topic, timeout=10).topics
    assert len(described[topics.kafka_logs_topic].partitions) == topics.kafka_logs_partitions


def test_a_generated_stream_arrives_once_keyed_by_service(topics):
    batches = list(EventStream(GeneratorParameters(5000, 10, seed=4)).batches())
    report = produce(connect_producer(topics), topics.kafka_logs_topic, batches)
    values = [value for batch in batches for value in batch.values]
    assert report.sent == report.delivered == len(values)
    assert report.bytes == sum(map(len, values))
    arrived = read_all(topics)
    assert sorted(message.value() for message in arrived) == sorted(values)
    places = {}
    for message in arrived:
        event = read_log_event(message.value(), message.timestamp()[1])
        assert message.key() == event.service_name.encode()
        places.setdefault(message.key(), set()).add(message.partition())
    assert all(len(partitions) == 1 for partitions in places.values())


def test_spans_arrive_in_their_own_topic_keyed_by_trace(topics):
    parameters = GeneratorParameters(1000, 5, seed=4)
    batches = list(EventStream(parameters, with_spans=True).batches())
    report = produce(
        connect_producer(topics),
        topics.kafka_logs_topic,
        batches,
        spans_topic=topics.kafka_spans_topic,
    )
    assert report.delivered == sum(map(len, batches))
    spans = [value for batch in batches for value in batch.spans_alone().values]
    arrived = read_all(topics, topics.kafka_spans_topic)
    assert sorted(message.value() for message in arrived) == sorted(spans)
    assert all(orjson.loads(one.value())["trace_id"].encode() == one.key() for one in arrived)
    assert len(read_all(topics)) == report.delivered - len(spans) > 0


def test_a_replayed_file_arrives_byte_for_byte(topics, tmp_path):
    lines = [
        *next(EventStream(GeneratorParameters(500, 4, seed=1)).batches()).values,
        b"not json",
        b'{"cut":"\xe2\x82',
        b'{"service_name":"a\\u0000b"}\r',
        b"x" * 1_000_000,
    ]
    path = tmp_path / "logs.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n\n".join(lines)))
    job = Replay([path], ReplayOptions(max_value_bytes=topics.kafka_max_message_bytes))
    report = produce(connect_producer(topics), topics.kafka_logs_topic, job.batches())
    assert report.delivered == len(lines)
    assert job.counts.blank_lines == len(lines) - 1
    arrived = [message.value() for message in read_all(topics)]
    assert sorted(arrived) == sorted(lines)


def test_a_producer_with_a_small_queue_and_every_report_delivers_all(topics):
    """As an Airflow connection may configure it."""
    producer = Producer(
        {
            "bootstrap.servers": topics.kafka_bootstrap_servers,
            "acks": "all",
            "queue.buffering.max.messages": 100,
        }
    )
    batches = list(EventStream(GeneratorParameters(2000, 3, seed=2)).batches())
    report = produce(producer, topics.kafka_logs_topic, batches)
    values = sorted(value for batch in batches for value in batch.values)
    assert report.delivered == len(values)
    assert sorted(message.value() for message in read_all(topics)) == values


def test_what_the_broker_refuses_raises(topics):
    """The producer would take it, and the topic does not."""
    generous = topics.model_copy(
        update={"kafka_max_message_bytes": topics.kafka_max_message_bytes * 4}
    )
    producer = connect_producer(generous)
    # Random bytes, so that compression does not make it fit.
    value = np.random.default_rng(1).bytes(topics.kafka_max_message_bytes * 2)
    batch = MessageBatch([None], [value], np.zeros(1, np.int64), np.zeros(1, np.bool_))
    with pytest.raises(DeliveryFailed, match="1 of 1 messages were not delivered"):
        produce(producer, topics.kafka_logs_topic, [batch])
