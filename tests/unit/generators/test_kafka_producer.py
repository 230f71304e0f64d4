"""What the producer does where no Kafka is."""

from __future__ import annotations

import socket

import numpy as np
import pytest
from confluent_kafka import Producer

from firstcause.errors import FirstcauseError
from firstcause.settings import Settings
from generators.output.kafka_producer import (
    DeliveryFailed,
    connect_producer,
    produce,
    producer_config,
)
from generators.output.message_batch import MessageBatch


@pytest.fixture
def nowhere():
    """Settings whose Kafka does not answer: the port is bound, and nobody listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield Settings(kafka_bootstrap_servers=f"127.0.0.1:{holder.getsockname()[1]}")


def batch(values: list[bytes]) -> MessageBatch:
    count = len(values)
    return MessageBatch(
        [b"order"] * count, values, np.zeros(count, np.int64), np.zeros(count, np.bool_)
    )


def test_what_is_not_delivered_raises(nowhere):
    producer = Producer(producer_config(nowhere, delivery_timeout_seconds=1.0))
    with pytest.raises(DeliveryFailed, match="3 of 3 messages were not delivered") as caught:
        produce(producer, "logs", [batch([b"a", b"b", b"c"])])
    assert (caught.value.sent, caught.value.failed) == (3, 3)
    assert isinstance(caught.value, FirstcauseError)


def test_a_message_that_is_too_large_raises(nowhere):
    small = nowhere.model_copy(update={"kafka_max_message_bytes": 2048})
    producer = Producer(producer_config(small, delivery_timeout_seconds=1.0))
    with pytest.raises(DeliveryFailed, match="too large"):
        produce(producer, "logs", [batch([b"x" * 4096])])


def test_a_queue_that_stays_full_ends_in_an_error(nowhere):
    config = producer_config(nowhere, delivery_timeout_seconds=1.0)
    producer = Producer(config | {"queue.buffering.max.messages": 10})
    with pytest.raises(DeliveryFailed) as caught:
        produce(producer, "logs", [batch([b"x"] * 1000)])
    assert caught.value.sent == 1000


def test_nobody_answering_is_said_at_once(nowhere, monkeypatch):
    monkeypatch.setattr("generators.output.kafka_producer.CONNECT_SECONDS", 0.5)
    with pytest.raises(FirstcauseError, match="Kafka does not answer at"):
        connect_producer(nowhere)
