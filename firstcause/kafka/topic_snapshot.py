"""Reads a topic from its beginning to its current end, and stops."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from typing import Any, Final

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)

from firstcause.errors import FirstcauseError

KAFKA_TIMEOUT_SECONDS: Final = 60.0
POLL_SECONDS: Final = 1.0

_PRODUCER_ONLY: Final = frozenset(
    {
        "acks",
        "batch.size",
        "compression.type",
        "delivery.timeout.ms",
        "enable.idempotence",
        "linger.ms",
        "partitioner",
        "retries",
    }
)


def read_to_current_end(
    topic: str,
    kafka_config: Mapping[str, Any],
    *,
    group_id: str,
    starts: Mapping[int, int] | None = None,
) -> Generator[Message, None, None]:
    """Yields every committed message from the topic's beginning to its current end.

    In order within a partition. Commits no offset. Blocks while Kafka sends nothing.

    Args:
        topic: must be there.
        kafka_config: librdkafka settings of the connection; those for producers are left out.
        group_id: names the reader in Kafka's logs and access rules.
        starts: offsets to begin with, by partition; the beginning where none is named, or where
            Kafka has it no more.

    Raises:
        KafkaException: Kafka reports an error.
        FirstcauseError: the topic is not there, or Kafka says nothing for a minute.
    """
    consumer = Consumer(
        {
            **without_producer_settings(kafka_config),
            "group.id": group_id,
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            # A large topic is not held in memory.
            "queued.max.messages.kbytes": 16_384,
        }
    )
    starts = starts or {}
    try:
        ends = _ends(consumer, topic)
        unread = {number for number, end in ends.items() if end > starts.get(number, 0)}
        consumer.assign(
            [
                TopicPartition(topic, number, starts.get(number, OFFSET_BEGINNING))
                for number in unread
            ]
        )
        heard_at = time.monotonic()
        while unread:
            message = consumer.poll(POLL_SECONDS)
            if message is None:
                if time.monotonic() - heard_at > KAFKA_TIMEOUT_SECONDS:
                    raise FirstcauseError(
                        f"Kafka says nothing about {topic} any more: look at `firstcause status`."
                    )
                continue
            heard_at = time.monotonic()
            error = message.error()
            if error is not None and error.code() != KafkaError._PARTITION_EOF:
                raise KafkaException(error)
            number, offset = message.partition() or 0, message.offset() or 0
            # The last offset may be a transaction's own mark, which is never delivered.
            if error is not None or offset >= ends[number] - 1:
                unread.discard(number)
            if error is None and offset < ends[number]:
                yield message
    finally:
        consumer.close()


def count_from(
    topic: str, kafka_config: Mapping[str, Any], starts: Mapping[int, int], *, group_id: str
) -> int:
    """How many offsets the topic has from `starts` on, or from its beginning. Blocks; see above."""
    consumer = Consumer({**without_producer_settings(kafka_config), "group.id": group_id})
    try:
        bounds = _bounds(consumer, topic).items()
        return sum(max(0, end - max(first, starts.get(one, 0))) for one, (first, end) in bounds)
    finally:
        consumer.close()


def without_producer_settings(kafka_config: Mapping[str, Any]) -> dict[str, Any]:
    """The settings without those that only a producer knows; librdkafka warns of each."""
    return {name: kafka_config[name] for name in kafka_config if name not in _PRODUCER_ONLY}


def _ends(consumer: Consumer, topic: str) -> dict[int, int]:
    return {number: end for number, (_, end) in _bounds(consumer, topic).items()}


def _bounds(consumer: Consumer, topic: str) -> dict[int, tuple[int, int]]:
    known = consumer.list_topics(topic, timeout=KAFKA_TIMEOUT_SECONDS).topics[topic]
    if known.error is not None:
        raise FirstcauseError(f"The topic {topic} is not there: run `firstcause up`.")
    return {
        number: consumer.get_watermark_offsets(
            TopicPartition(topic, number), timeout=KAFKA_TIMEOUT_SECONDS
        )
        for number in known.partitions
    }
