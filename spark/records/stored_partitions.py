"""Stored logs and spans, read from Cassandra by their partition keys instead of by scans."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import ByteType, StringType, StructField, StructType, TimestampType

from firstcause.settings import Settings
from firstcause.storage.log_partition import SHARDS

# For the session: joins with Cassandra's tables by their keys.
DIRECT_JOIN: Final = {
    "spark.sql.extensions": "com.datastax.spark.connector.CassandraSparkExtensions"
}
_PARTITION: Final = ("service_name", "minute", "shard")
_KEYS: Final = StructType(
    [
        StructField("service_name", StringType(), False),
        StructField("minute", TimestampType(), False),
        StructField("shard", ByteType(), False),
    ]
)


def stored_partitions(
    spark: SparkSession, settings: Settings, name: str, minutes: Iterable[tuple[Any, Any]]
) -> DataFrame:
    """Plans the reading of some services' minutes of the table `logs` or `spans`; runs nothing.

    The session needs `DIRECT_JOIN`.
    """
    keys = spark.createDataFrame(
        [(service, minute, shard) for service, minute in minutes for shard in range(SHARDS)], _KEYS
    )
    table = (
        spark.read.format("org.apache.spark.sql.cassandra")
        .option("keyspace", settings.cassandra_keyspace)
        .option("table", name)
        .option("directJoinSetting", "on")
        .load()
    )
    return keys.join(table, [*_PARTITION])
