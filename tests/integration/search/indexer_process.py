"""The indexer as a process, and what it has made findable."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from contextlib import AbstractContextManager

import orjson
from confluent_kafka import Consumer, KafkaException, TopicPartition

from firstcause.events.log_event import LogEvent
from firstcause.settings import Settings
from search.embedded.engine import EmbeddedEngine
from search.engine import IndexAwayError
from search.query.tree import Everything
from tests.integration.product_process import product_process
from tests.integration.product_process import send as send_to

ALL_TIME = (-(10**15), 10**15)
WAIT_SECONDS = 120.0


def indexer(
    settings: Settings, env: dict[str, str]
) -> AbstractContextManager[subprocess.Popen[bytes]]:
    return product_process(settings, env, "search-indexer")


def send(settings: Settings, values: list[tuple[str, bytes]]) -> None:
    send_to(settings, settings.kafka_logs_topic, values)


def as_message(event: LogEvent) -> tuple[str, bytes]:
    seconds, ms = divmod(event.timestamp_ms, 1000)
    moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds)) + f".{ms:03d}Z"
    fields = {
        "log_id": event.log_id,
        "timestamp": moment,
        "service_name": event.service_name,
        "level": event.level,
        "message": event.message,
    }
    return event.service_name, orjson.dumps(fields)


def behind(settings: Settings) -> int:
    """Messages of the topic whose offsets the indexer has not committed."""
    consumer = Consumer(
        {
            "bootstrap.servers": settings.kafka_bootstrap_servers,
            "group.id": settings.search_group,
            "enable.auto.commit": False,
        }
    )
    try:
        places = [
            TopicPartition(settings.kafka_logs_topic, number)
            for number in range(settings.kafka_logs_partitions)
        ]
        ends = [consumer.get_watermark_offsets(place, timeout=30)[1] for place in places]
        committed = [max(0, place.offset) for place in _committed(consumer, places)]
        return sum(ends) - sum(committed)
    finally:
        consumer.close()


def _committed(consumer: Consumer, places: list[TopicPartition]) -> list[TopicPartition]:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        try:
            return consumer.committed(places, 30)
        except KafkaException:
            # A new group has no coordinator yet.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def await_caught_up(settings: Settings, at_most: int = 0) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while (left := behind(settings)) > at_most:
        assert time.monotonic() < deadline, f"{left} messages are not findable"
        time.sleep(0.1)


def found_ids(settings: Settings) -> Counter[str]:
    engine = EmbeddedEngine(settings.search_dir)
    found: Counter[str] = Counter()
    cursor = None
    while True:
        try:
            page = engine.search(Everything(), *ALL_TIME, 5_000, cursor)
        except IndexAwayError:
            return found
        found.update(key.log_id for key in page.keys)
        cursor = page.next_cursor
        if cursor is None:
            return found
