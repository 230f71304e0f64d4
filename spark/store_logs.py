"""The store job: every log event of the topic `logs` into Cassandra, once.

What can't be read goes to the dead-letter topic. `spark.store.job` says how both are kept safe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import orjson
from cassandra.cluster import Session
from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F

from firstcause.settings import Settings
from spark.records import log_anomaly
from spark.records.log_events import ODD_FIELDS, LogEventReader
from spark.store.batch import PROBE_SERVICE, Content
from spark.store.job import StoreJob, run_until_stopped
from spark.store.service_activity import ServiceActivityTable, activity_of

JOB: Final = "store_logs"

PROBE: Final = {
    "log_id": "00000000-0000-4000-8000-000000000000",
    "timestamp": "1970-01-01T00:00:00Z",
    "service_name": PROBE_SERVICE,
    "level": "INFO",
    "message": "Can log events be stored?",
}


class LogContent:
    """The content of the store job: log events, one a record, and the activity of services."""

    table = "logs"

    def __init__(self, activity: ServiceActivityTable) -> None:
        self._activity = activity
        self._reader = LogEventReader()
        # Null, and so unset, where nothing is odd.
        self._anomaly = log_anomaly.severity(F.col("event")).alias("anomaly")

    def read(self, records: DataFrame) -> DataFrame:
        """See `Content`."""
        return self._reader.read(records)

    def rows(self, read: DataFrame) -> DataFrame:
        """See `Content`."""
        return read.where(F.col("reason").isNull()).select("event.*", self._anomaly)

    def observed(self) -> Mapping[str, Column]:
        """The services that logged in each second; the count of invalid values of each field."""
        second = F.unix_timestamp(F.col("event.timestamp")).alias("second")
        heard = F.struct(F.col("event.service_name"), second)
        # As text, since py4j hands arrays over as objects of the JVM.
        is_event = F.col("reason").isNull()
        return {
            "heard": F.to_json(F.collect_set(F.when(is_event, heard))),
            **{
                f"odd_{name}": F.count(F.when(is_event, F.col("odd").getField(name)))
                for name in ODD_FIELDS
            },
        }

    def probe(self) -> bytes:
        """See `Content`."""
        self._activity.hide(PROBE_SERVICE)
        return orjson.dumps(PROBE)

    def finish(self, counts: Mapping[str, Any]) -> Mapping[str, int]:
        """Writes `services` and `log_minutes`; the figures are the fields that were odd."""
        self._activity.write(activity_of(_read_heard(counts["heard"])))
        odd = {f"odd_{name}": counts[f"odd_{name}"] for name in ODD_FIELDS}
        return {name: count for name, count in odd.items() if count}


def _read_heard(text: str) -> Iterator[tuple[str, datetime]]:
    for item in orjson.loads(text):
        yield item["service_name"], datetime.fromtimestamp(item["second"], UTC)


def job_of(settings: Settings) -> StoreJob:
    """The job with these settings."""

    def prepare(session: Session) -> Callable[[], Content]:
        activity = ServiceActivityTable(session)
        return lambda: LogContent(activity)

    return StoreJob(
        name=JOB,
        topic=settings.kafka_logs_topic,
        max_messages=settings.spark_max_events_per_batch,
        prepare=prepare,
    )


if __name__ == "__main__":
    run_until_stopped(JOB, job_of)
