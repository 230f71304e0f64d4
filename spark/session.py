"""Builds the Spark session of a job."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pyspark.sql import SparkSession

from firstcause.settings import Settings
from spark.records.json_records import SESSION_OPTIONS

# Rows of one Cassandra partition travel together: fewer, bigger mutations.
BATCH_BYTES: Final = 64 * 1024


def build_session(
    settings: Settings, job: str, own_options: Mapping[str, str] | None = None
) -> SparkSession:
    """A session that knows Cassandra; started by spark-submit, which brings master and jars.

    Blocks until the JVM is up. `own_options` of a job are set besides those of all.
    """
    builder = SparkSession.builder.appName(f"firstcause {job}")
    for name, value in (session_options(settings) | dict(own_options or {})).items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("WARN")
    return session


def session_options(settings: Settings) -> dict[str, str]:
    """What every job's session is told: addresses, consistency, how rows are written."""
    options = {
        **SESSION_OPTIONS,
        "spark.sql.shuffle.partitions": "4",
        "spark.ui.enabled": "false",
        "spark.cassandra.connection.host": ",".join(settings.cassandra_hosts),
        "spark.cassandra.connection.port": str(settings.cassandra_port),
        # A node that was away is taken back within seconds, not after a minute.
        "spark.cassandra.connection.reconnectionDelayMS.max": "3000",
        # The connector's own default reads one replica, which may lack what was just stored.
        "spark.cassandra.input.consistency.level": "LOCAL_QUORUM",
        "spark.cassandra.output.consistency.level": "LOCAL_QUORUM",
        "spark.cassandra.output.ignoreNulls": "true",
        "spark.cassandra.output.batch.grouping.key": "partition",
        "spark.cassandra.output.batch.size.bytes": str(BATCH_BYTES),
        "spark.cassandra.output.concurrent.writes": "32",
    }
    if settings.spark_master.startswith("local"):
        # All of it is in one process: nobody else has to reach the driver.
        options |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    return options


def close_connections(session: SparkSession) -> None:
    """Closes the connector's sessions with Cassandra, so that the next query opens new ones.

    To be called after a query has failed. A session whose schema refresh failed once, since
    Cassandra was away, never answers the next refresh (Java driver 4.18,
    `MetadataManager.startSchemaRequest`). Spark's listeners ask for one when a batch has failed,
    and while they wait no batch learns what it observed. Closing ends the wait.
    """
    jvm: Any = session.sparkContext._jvm
    connector = getattr(jvm.com.datastax.spark.connector.cql, "CassandraConnector$")
    cache = getattr(connector, "MODULE$").sessionCache().cache()
    open_sessions = cache.values().iterator()
    while open_sessions.hasNext():
        open_sessions.next().forceCloseAsync()
    cache.clear()
