"""The span job: every span of the topic `spans` into Cassandra, once.

A message may hold many spans. Its readable ones are stored; if one of them can't be read, the
message as a whole goes to the dead-letter topic as well.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import orjson
from cassandra.cluster import Session
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from firstcause.dead_letters.headers import SPAN_CONSUMER
from firstcause.settings import Settings
from spark.records.span_events import SpanReader
from spark.store.batch import PROBE_SERVICE, Content
from spark.store.job import StoreJob, run_until_stopped

JOB: Final = SPAN_CONSUMER

PROBE: Final = {
    "trace_id": "f" * 32,
    "span_id": "f" * 16,
    "service_name": PROBE_SERVICE,
    "operation": "Can spans be stored?",
    "start_ns": 0,
    "duration_us": 0,
}


class SpanContent:
    """Spans, any number of them a record."""

    table = "spans"

    def __init__(self) -> None:
        self._reader = SpanReader()

    def read(self, records: DataFrame) -> DataFrame:
        """See `Content`."""
        return self._reader.read(records)

    def rows(self, read: DataFrame) -> DataFrame:
        """See `Content`."""
        return read.select(F.explode("spans").alias("span")).select("span.*")

    def observed(self) -> Mapping[str, Column]:
        """How many spans were read."""
        return {"spans": F.sum(F.size("spans"))}

    def probe(self) -> bytes:
        """See `Content`."""
        return orjson.dumps(PROBE)

    def finish(self, counts: Mapping[str, Any]) -> Mapping[str, int]:
        """Nothing goes with the spans."""
        return {"spans": counts["spans"] or 0}


def job_of(settings: Settings) -> StoreJob:
    """The job with these settings."""

    def prepare(session: Session) -> Callable[[], Content]:
        # Raises while the table is missing.
        session.prepare("SELECT span_id FROM spans WHERE trace_id = ?")
        return SpanContent

    return StoreJob(
        name=JOB,
        topic=settings.kafka_spans_topic,
        max_messages=settings.spark_max_span_messages_per_batch,
        prepare=prepare,
    )


if __name__ == "__main__":
    run_until_stopped(JOB, job_of)
