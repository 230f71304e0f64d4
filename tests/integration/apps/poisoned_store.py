"""The store job, but some log events that can be read can't be stored.

They stand for what no reader has thought of: the message "poison: convert" fails in the connector,
"poison: evaluate" in an expression.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cassandra.cluster import Session
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from firstcause.settings import Settings
from spark import store_logs
from spark.store.batch import Content
from spark.store.job import StoreJob, run_until_stopped
from spark.store.service_activity import ServiceActivityTable

# As a record may quote an outage.
EVIL = "evil: java.net.ConnectException: read timed out"


class PoisonedContent(store_logs.LogContent):
    def rows(self, read: DataFrame) -> DataFrame:
        message, log_id = F.col("message"), F.col("log_id")
        evil = F.raise_error(F.lit(EVIL))
        broken = F.when(message == "poison: evaluate", evil).otherwise(message)
        too_long = F.when(message == "poison: convert", F.concat(log_id, F.lit("\n")))
        return (
            super()
            .rows(read)
            .withColumns({"message": broken, "log_id": F.coalesce(too_long, log_id)})
        )


def job_of(settings: Settings) -> StoreJob:
    def prepare(session: Session) -> Callable[[], Content]:
        activity = ServiceActivityTable(session)
        return lambda: PoisonedContent(activity)

    return replace(store_logs.job_of(settings), prepare=prepare)


if __name__ == "__main__":
    run_until_stopped(store_logs.JOB, job_of)
