"""The DAG that makes window metrics anew from the stored logs."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, dag, task

from dags.supervision.batch import SparkBatchOperator
from dags.tasks.minutes_to_heal import choose_minutes
from firstcause.local.daemons.airflow_pools import BATCH_POOL

DOC = """
### What it does
Makes window metrics anew where the stream could not have them whole: events that came later than
`WINDOW_WATERMARK_SECONDS` behind the newest, or from a clock that is ahead. The stream marks such
minutes (table `window_marks`); this counts them again, from the logs in Cassandra, and with them
every window that they are in. Rows that were right already are written as they were.

A marked minute is made anew in each run of the next three hours, so that logs which are stored
later come into it as well. Runs without marked minutes end at once.

### Make a time anew
Trigger it with *from* and *to*: all minutes of that time are made anew, as far as their logs are
still stored. This is also how window metrics are made for logs from before the stream began.

### When it fails
* *Cassandra did not take part* or *does not answer*: `firstcause status`, then clear the task.
* *Another driver works on metrics_backfill*: a job started by hand is at work; wait for its end.
* *ended without a result*: the lines above it, or the job's log file, say why.

A failure loses nothing: the next run goes over the same minutes.
"""

MOMENT: dict[str, Any] = {"type": ["null", "string"], "format": "date-time"}


@dag(
    doc_md=DOC,
    description="Makes window metrics anew from the stored logs, where events came late",
    schedule="*/30 * * * *",
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["streams"],
    params={
        "from": Param(
            None,
            **MOMENT,
            title="From",
            description="Make all minutes from this time on anew; empty: those that are marked.",
        ),
        "to": Param(None, **MOMENT, title="To", description="Up to this time."),
        "hours": Param(
            3,
            type="number",
            exclusiveMinimum=0,
            maximum=168,
            title="Hours",
            description="Without a time: the minutes that were marked in so many hours.",
        ),
    },
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1), "pool": BATCH_POOL},
)
def metrics_backfill() -> None:
    """Looks for marked minutes, then makes them anew."""
    choose = task(
        execution_timeout=timedelta(minutes=5),
        doc_md="Looks which minutes are marked; skips the run when there are none. **When it "
        "fails**: Cassandra is away (`firstcause status`), or *from* and *to* do not fit together.",
    )(choose_minutes)
    SparkBatchOperator(
        task_id="heal_windows",
        job="metrics_backfill",
        application="spark/metrics_backfill.py",
        arguments=choose(),
        execution_timeout=timedelta(hours=2),
        doc_md="Runs the Spark job; its result tells how many minutes and windows were made anew. "
        "**When it fails**: read the last lines of the log, mend the cause, clear this task.",
    )


metrics_backfill()
