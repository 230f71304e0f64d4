"""A stand-in for a streaming job: Spark's rate source, the real heartbeat, no services.

While the file `FIRSTCAUSE_HOME/crash` is there it ends at its start, as a broken job does.
"""

from __future__ import annotations

import signal
import sys
import threading

from pyspark.sql import SparkSession

from firstcause.settings import Settings, load_settings
from spark.driver.heartbeat_writer import ProgressFile, progress_path
from spark.streaming.checkpoint import CheckpointLock

JOB = "rate_stream"


def main() -> None:
    settings = load_settings()
    if (settings.firstcause_home / "crash").exists():
        sys.exit("rate_stream: told to crash")
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    with CheckpointLock(settings.checkpoints_dir / JOB):
        drive(settings, stop)


def drive(settings: Settings, stop: threading.Event) -> None:
    progress = ProgressFile(progress_path(settings, JOB), JOB)
    session = SparkSession.builder.appName(JOB).getOrCreate()
    query = (
        session.readStream.format("rate")
        .option("rowsPerSecond", 10)
        .load()
        .writeStream.format("noop")
        .option("checkpointLocation", (settings.checkpoints_dir / JOB).as_uri())
        .trigger(processingTime="1 second")
        .start()
    )
    while query.isActive and not stop.wait(0.5):
        batch_id = (query.lastProgress or {}).get("batchId", -1)
        progress.write(batch_id, trigger_active=query.status["isTriggerActive"])
    query.stop()
    session.stop()
    print("rate_stream: stopped gracefully", flush=True)


if __name__ == "__main__":
    main()
