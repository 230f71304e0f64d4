"""Sends generated events through Airflow's Kafka connection."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from generators.output.kafka_producer import ProduceReport
    from generators.output.message_batch import MessageBatch

KAFKA_CONNECTION = "kafka_default"
CONNECT_SECONDS = 15.0


def send_live(batches: Iterable[MessageBatch]) -> ProduceReport:
    """Sends each event to its topic when its event time has come, late ones at once.

    Logs go to the topic of logs, spans to that of spans. Blocks until Kafka has every event. A
    retry that makes the same events is harmless: a log or span has one identity.

    Raises:
        FirstcauseError: Kafka does not answer, or did not take every event.
    """
    from airflow.providers.apache.kafka.hooks.produce import KafkaProducerHook
    from confluent_kafka import KafkaException

    from firstcause.errors import FirstcauseError
    from firstcause.kafka.topics import ensure_topics
    from firstcause.settings import load_settings
    from generators.output.kafka_producer import produce
    from generators.output.message_batch import paced

    settings = load_settings()
    ensure_topics(settings)
    producer = KafkaProducerHook(kafka_config_id=KAFKA_CONNECTION).get_producer()
    try:
        producer.list_topics(settings.kafka_logs_topic, timeout=CONNECT_SECONDS)
    except KafkaException as error:
        raise FirstcauseError(
            f"Kafka does not answer through Airflow's connection {KAFKA_CONNECTION}: look at "
            "`firstcause status` and at the connection."
        ) from error
    now_us = int(time.time() * 1_000_000)
    return produce(
        producer,
        settings.kafka_logs_topic,
        paced(batches, origin_us=now_us),
        spans_topic=settings.kafka_spans_topic,
    )


def seed_of_run(seed: int, start: datetime) -> int:
    """A seed of its own for each start, so that two runs do not make the same log ids."""
    from firstcause.derived_ids import derived_id

    return derived_id("run-seed", seed, start.isoformat()).int % 2**31
