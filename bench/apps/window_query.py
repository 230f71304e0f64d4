"""One query over files of log events, and the CPU seconds it took a million of them.

    python -m bench.apps.window_query ours|bare FOLDER

Prints one JSON object: `events`, and `cpu_seconds_per_million` of this process and its JVM behind
the first batches.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
from pathlib import Path

import psutil
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from firstcause.settings import Settings
from spark.records.json_records import SESSION_OPTIONS
from spark.records.log_events import LogEventReader
from spark.windows.measures import minute_sums
from spark.windows.stream import STATE_OPTIONS, EventMeasures

# The JVM's compiler works through the first batches.
WARM_BATCHES = 10
POLL_SECONDS = 0.05


def main() -> None:
    """Runs the query to the end of the folder."""
    design, folder = sys.argv[1], Path(sys.argv[2])
    builder = (
        SparkSession.builder.master("local[2]")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", "4")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
    )
    for name, value in {**SESSION_OPTIONS, **STATE_OPTIONS}.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    settings = Settings()
    records = records_of(spark, folder)
    if design == "bare":
        read = LogEventReader().read(records).observe("read", F.count(F.lit(1)).alias("records"))
        events = read.where(F.col("reason").isNull()).select("event.*")
        windows = events.withWatermark("timestamp", f"{settings.window_watermark_seconds} seconds")
        writer = (
            windows.groupBy("service_name", F.window("timestamp", "1 minute"))
            .count()
            .writeStream.outputMode("update")
            .foreachBatch(collect_rows)
        )
    else:
        measures = EventMeasures(settings)
        once = measures.each_once(measures.of(records))
        writer = once.writeStream.foreachBatch(collect_sums)
    batch_sizes: dict[int, int] = {}
    used: dict[int, float] = {}
    wait = threading.Event()
    with tempfile.TemporaryDirectory() as checkpoint:
        query = writer.option("checkpointLocation", checkpoint).trigger(availableNow=True).start()
        while query.isActive:
            progress = query.lastProgress
            if progress and progress["batchId"] not in used:
                batch_sizes[progress["batchId"]] = progress["numInputRows"]
                used[progress["batchId"]] = cpu_seconds()
            wait.wait(POLL_SECONDS)
        query.awaitTermination()
    first = min(batch for batch in used if batch >= WARM_BATCHES)
    last = max(used)
    events_measured = sum(size for batch, size in batch_sizes.items() if batch > first)
    spent = used[last] - used[first]
    result = {
        "events": events_measured,
        "cpu_seconds_per_million": spent / events_measured * 1_000_000,
    }
    print(json.dumps(result))


def records_of(spark: SparkSession, folder: Path) -> DataFrame:
    """The lines of the folder's files as Kafka's source has records; a batch a file."""
    return (
        spark.readStream.format("text")
        .option("maxFilesPerTrigger", 1)
        .load(str(folder))
        .select(
            F.lit(None).cast("binary").alias("key"),
            F.encode("value", "UTF-8").alias("value"),
            F.lit("logs").alias("topic"),
            F.lit(0).alias("partition"),
            F.lit(0).cast("long").alias("offset"),
            F.current_timestamp().alias("timestamp"),
        )
    )


def collect_rows(rows: DataFrame, _batch_id: int) -> None:
    """Takes the rows of a batch."""
    rows.collect()


def collect_sums(events: DataFrame, _batch_id: int) -> None:
    """Adds a batch up as the job does."""
    minute_sums(events).collect()


def cpu_seconds() -> float:
    """Of this process and all it started."""
    own = psutil.Process()
    total = 0.0
    for process in (own, *own.children(recursive=True)):
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total


if __name__ == "__main__":
    main()
