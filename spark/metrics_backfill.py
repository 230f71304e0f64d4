"""The job that makes window metrics anew from the stored logs.

    spark-submit spark/metrics_backfill.py --hours 3
    spark-submit spark/metrics_backfill.py --range 2026-01-31T10:00:00Z/2026-01-31T11:00:00Z

With --hours the minutes that the stream has marked in the last hours, since late events came to
them; with --range all minutes of a time. It may be repeated at any time: equal logs make equal
rows.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import structlog

from alerting.windows import HOUR_MS, MINUTE_MS
from firstcause.settings import Settings
from firstcause.storage.window_metrics import WindowHistory, marked_minutes
from root_cause.quiet_hours.quiet_stretches import TimeRange
from spark.driver.process import BACKFILL_JOB
from spark.records.stored_partitions import DIRECT_JOIN
from spark.records.time_range import parse_range
from spark.session import build_session
from spark.streaming.job_run import batch_session, run_batch_job
from spark.windows.backfill import Healed, heal, settled
from spark.windows.measures import SESSION_OPTIONS
from spark.windows.store import WindowStore

log = structlog.get_logger(__name__)


def backfill(settings: Settings, ranges: Sequence[TimeRange], hours: float) -> dict[str, Any]:
    """Heals the minutes of some times, or without any those marked in the last hours.

    Raises:
        FirstcauseError: another run is at work, or Cassandra is away or has no tables yet. What
            was written until then is right; the next run goes over all of it again.
    """
    with batch_session(settings, BACKFILL_JOB) as session:
        store = WindowStore(session)
        now_ms = int(time.time() * 1000)
        named = {
            at_ms
            for one in ranges
            for at_ms in range(one.start_ms - one.start_ms % MINUTE_MS, one.end_ms, MINUTE_MS)
        }
        marked = marked_minutes(session, now_ms - int(hours * HOUR_MS), now_ms)
        asked = named or {at_ms for _, at_ms in marked}
        due = settled(asked, WindowHistory(session).progress(), now_ms)
        healed = Healed()
        if due:
            spark = build_session(settings, BACKFILL_JOB, {**DIRECT_JOIN, **SESSION_OPTIONS})
            try:
                healed = heal(spark, settings, session, store, due)
            finally:
                spark.stop()
        return {**asdict(healed), "left_to_the_stream": len(asked) - len(due)}


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the job once; exit code 1 and one clear line on an error."""
    options = argparse.ArgumentParser(description="Makes window metrics anew from stored logs.")
    options.add_argument("--range", action="append", default=[], type=parse_range)
    options.add_argument("--hours", type=float, default=3.0, help="marked in the last hours")
    options.add_argument("--result", type=Path, help="where to write what was done, as JSON")
    given = options.parse_args(arguments)
    result = run_batch_job(
        BACKFILL_JOB,
        lambda settings: backfill(settings, given.range, given.hours),
        given.result,
    )
    log.info("job_done", job=BACKFILL_JOB, **result)


if __name__ == "__main__":
    main()
