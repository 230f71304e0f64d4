"""The Spark session of a streaming job."""

from __future__ import annotations

from pyspark.sql import SparkSession

from firstcause.settings import Settings


def build_session(settings: Settings, job: str) -> SparkSession:
    """A session that knows Cassandra; started by spark-submit, which brings master and jars.

    Blocks until the JVM is up.
    """
    options = {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.shuffle.partitions": "4",
        "spark.ui.enabled": "false",
        "spark.cassandra.connection.host": ",".join(settings.cassandra_hosts),
        "spark.cassandra.connection.port": str(settings.cassandra_port),
        # A node that was away is taken back within seconds, not after a minute.
        "spark.cassandra.connection.reconnectionDelayMS.max": "3000",
        "spark.cassandra.output.ignoreNulls": "true",
        "spark.cassandra.output.batch.grouping.key": "partition",
        "spark.cassandra.output.batch.size.bytes": "8192",
        "spark.cassandra.output.concurrent.writes": "32",
    }
    builder = SparkSession.builder.appName(f"firstcause {job}")
    for name, value in options.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("WARN")
    return session
