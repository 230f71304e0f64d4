"""The reference of the store job: parses the topic and writes it, without checks.

What the connector's own documentation shows, into a table with the same columns and index. Prints
one JSON object a batch: `records` and `finished_at` (seconds since the epoch).
"""

from __future__ import annotations

import json
from datetime import datetime

from pyspark.sql import functions as F

from firstcause.settings import load_settings
from spark.session import build_session

SCHEMA = (
    "log_id string, timestamp string, service_name string, level string, message string, "
    "instance string, logger string, region string, cloud_provider string, request_id string, "
    "user_id string, session_id string, error_code string, exception string, trace_id string, "
    "span_id string, parent_span_id string, status_code int, latency_ms double, "
    "attributes map<string,string>"
)


def main() -> None:
    """Stores the whole topic, then ends."""
    settings = load_settings()
    session = build_session(settings, "bare_store")
    records = (
        session.readStream.format("kafka")
        .option("kafka.bootstrap.servers", settings.kafka_bootstrap_servers)
        .option("subscribe", settings.kafka_logs_topic)
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", settings.spark_max_events_per_batch)
        .load()
    )
    events = (
        records.select(F.from_json(F.col("value").cast("string"), SCHEMA).alias("event"))
        .select("event.*")
        # The one thing it cannot do without: a row without a key ends the job.
        .where("log_id IS NOT NULL AND service_name IS NOT NULL AND timestamp IS NOT NULL")
        .withColumn("timestamp", F.to_timestamp("timestamp"))
        .withColumn("minute", F.date_trunc("minute", "timestamp"))
        .withColumn("shard", F.pmod(F.crc32("log_id"), F.lit(4)).cast("byte"))
    )
    query = (
        events.writeStream.format("org.apache.spark.sql.cassandra")
        .option("keyspace", settings.cassandra_keyspace)
        .option("table", "logs")
        .option("checkpointLocation", (settings.checkpoints_dir / "bare_store").as_uri())
        .trigger(availableNow=True)
        .start()
    )
    query.awaitTermination()
    for progress in query.recentProgress:
        began = datetime.fromisoformat(progress["timestamp"]).timestamp()
        finished_at = began + progress["durationMs"]["triggerExecution"] / 1000
        batch = {"records": progress["numInputRows"], "finished_at": finished_at}
        print("BATCH " + json.dumps(batch), flush=True)
    session.stop()


if __name__ == "__main__":
    main()
