"""Measures the size of the dead-letter topic with the Kafka client in Spark's JVM.

The Python client can't ask a broker for sizes.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import Any, Final

import structlog
from pyspark.sql import SparkSession

from firstcause.dead_letters.fill import DeadLetterFill, write_fill
from firstcause.settings import Settings

EVERY_SECONDS: Final = 60.0
KAFKA_SECONDS: Final = 10
REASON_MAX_CHARS: Final = 300

log = structlog.get_logger(__name__)


class DeadLetterMeter:
    """To be asked after each batch; measures once a minute and warns long before the bound."""

    def __init__(self, session: SparkSession, settings: Settings) -> None:
        self._session = session
        self._settings = settings
        self._due = 0.0

    def measure_when_due(self) -> None:
        """Writes the measurement and warns; blocks for seconds at the most.

        A broker that does not tell costs the measurement only, and is logged.
        """
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + EVERY_SECONDS
        topic = self._settings.kafka_dead_letter_topic
        try:
            used = topic_bytes(self._session, self._settings.kafka_bootstrap_servers, topic)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not fail a batch
            log.warning("dead_letters_not_measured", error=repr(error)[:REASON_MAX_CHARS])
            return
        fill = DeadLetterFill(used, self._settings.kafka_dead_letter_max_bytes)
        write_fill(self._settings, fill)
        if fill.is_worth_a_warning:
            log.warning(
                "dead_letters_fill",
                topic=topic,
                used_bytes=fill.used_bytes,
                bound_bytes=fill.bound_bytes,
                do="mend the source or run the DAG dead_letter_replay; the oldest go first",
            )


def topic_bytes(session: SparkSession, bootstrap_servers: str, topic: str) -> int:
    """Bytes that a topic takes, one replica of each partition counted.

    Raises:
        Exception: py4j's, when Kafka does not answer within seconds, or refuses.
    """
    jvm: Any = session.sparkContext._jvm
    properties = jvm.java.util.Properties()
    properties.setProperty("bootstrap.servers", bootstrap_servers)
    properties.setProperty("default.api.timeout.ms", str(KAFKA_SECONDS * 1_000))
    properties.setProperty("request.timeout.ms", str(KAFKA_SECONDS * 500))
    admin = jvm.org.apache.kafka.clients.admin.AdminClient.create(properties)
    try:
        seconds = jvm.java.util.concurrent.TimeUnit.SECONDS
        brokers = jvm.java.util.ArrayList()
        for node in _each(admin.describeCluster().nodes().get(KAFKA_SECONDS, seconds)):
            brokers.add(node.id())
        found = admin.describeLogDirs(brokers).allDescriptions().get(KAFKA_SECONDS, seconds)
        sizes: dict[int, int] = {}
        for folders in _each(found.values()):
            for folder in _each(folders.values()):
                for entry in _each(folder.replicaInfos().entrySet()):
                    place = entry.getKey()
                    if place.topic() == topic:
                        size, number = int(entry.getValue().size()), int(place.partition())
                        sizes[number] = max(size, sizes.get(number, 0))
        return sum(sizes.values())
    finally:
        admin.close()


def _each(collection: Any) -> Iterator[Any]:
    """The items of a Java collection; py4j makes maps, sets and lists iterable, and no others."""
    if isinstance(collection, Iterable):
        yield from collection
        return
    iterator = collection.iterator()
    while iterator.hasNext():
        yield iterator.next()
