"""The batch job that learns normal from the stored logs and spans of some hours.

    spark-submit spark/learn_normal.py --range 2026-01-31T10:00:00Z/2026-01-31T11:00:00Z

The range is widened to whole, completed hours; with --vouched it is used as given. Each learned
hour replaces what was learned of that hour before. Then the normal in force is composed again. The
job may be repeated at any time: equal logs give equal rows.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import structlog

from firstcause.errors import FirstcauseError
from firstcause.settings import Settings
from root_cause.quiet_hours.due_hours import hours_asked_for
from root_cause.quiet_hours.quiet_stretches import TimeRange
from spark.normal.learner import JOB, NormalLearner
from spark.records.time_range import parse_range
from spark.streaming.job_run import batch_session, run_batch_job

log = structlog.get_logger(__name__)


def learn_ranges(
    settings: Settings, ranges: Sequence[TimeRange], *, vouched: bool
) -> dict[str, Any]:
    """Learns each hour of some times, then composes; what became of each, and the version.

    Times are widened to whole hours that are over, unless they are vouched for.

    Raises:
        FirstcauseError: another run is at work, or Cassandra is away or has no tables yet.
            What was stored until then stays; the next run goes over all of it again. Or none of
            these hours is over.
    """
    hours = hours_asked_for(ranges, int(time.time() * 1000), vouched=vouched)
    if not hours:
        raise FirstcauseError(
            "None of these hours is over: give one that ended 15 minutes ago or earlier."
        )
    with batch_session(settings, JOB) as session:
        learner = NormalLearner(settings, session)
        try:
            outcomes = [learner.learn(hour, vouched=vouched) for hour in hours]
            return {"hours": [asdict(one) for one in outcomes], "version": learner.compose()}
        finally:
            learner.close()


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the job once; exit code 1 and one clear line on an error."""
    options = argparse.ArgumentParser(description="Learns what is normal from stored logs.")
    options.add_argument("--range", action="append", required=True, type=parse_range)
    options.add_argument("--vouched", action="store_true", help="learn whatever it looks like")
    options.add_argument("--result", type=Path, help="where to write what became of it, as JSON")
    given = options.parse_args(arguments)
    result = run_batch_job(
        JOB,
        lambda settings: learn_ranges(settings, given.range, vouched=given.vouched),
        given.result,
    )
    log.info("job_done", job=JOB, version=result["version"], hours=len(result["hours"]))


if __name__ == "__main__":
    main()
