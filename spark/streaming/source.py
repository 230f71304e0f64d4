"""A Kafka topic as Spark reads it: as a stream, or the range of one of its batches again."""

from __future__ import annotations

import json
from collections.abc import Mapping

from pyspark.sql import DataFrame, SparkSession

from firstcause.settings import Settings

# A partition's consumer has one fetch under way: what waits at its end for half a second (Kafka's
# default) would keep the second reading of a batch waiting as long.
FETCH_WAIT_MS = 10
_COLUMNS = ("key", "value", "topic", "partition", "offset", "timestamp")
# Spark's word for "from the beginning".
_EARLIEST = -2


def record_stream(
    session: SparkSession, settings: Settings, topic: str, max_messages: int
) -> DataFrame:
    """The topic from the earliest offset or the checkpoint on, in batches of bounded size."""
    return (
        session.readStream.format("kafka")
        .options(**_options(settings))
        .option("subscribe", topic)
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", max_messages)
        .load()
        .select(*_COLUMNS)
    )


def records_between(
    session: SparkSession,
    settings: Settings,
    start: Mapping[tuple[str, int], int],
    end: Mapping[tuple[str, int], int],
) -> DataFrame:
    """The records of one topic between offsets by (topic, partition); the end is not in it.

    A partition that `start` does not know begins with its earliest offset.
    """
    [topic] = {name for name, _ in end}
    starts = {str(place[1]): start.get(place, _EARLIEST) for place in end}
    ends = {str(partition): offset for (_, partition), offset in end.items()}
    return (
        session.read.format("kafka")
        .options(**_options(settings))
        .option("assign", json.dumps({topic: sorted(map(int, ends))}))
        .option("startingOffsets", json.dumps({topic: starts}))
        .option("endingOffsets", json.dumps({topic: ends}))
        .load()
        .select(*_COLUMNS)
    )


def _options(settings: Settings) -> dict[str, str]:
    return {
        "kafka.bootstrap.servers": settings.kafka_bootstrap_servers,
        "failOnDataLoss": "true",
        # What a replay of dead letters took back was never sent; the offset check reads so too.
        "kafka.isolation.level": "read_committed",
        "kafka.fetch.max.wait.ms": str(FETCH_WAIT_MS),
    }
