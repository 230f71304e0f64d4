"""The DAG that learns what is normal, hour by hour."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from airflow.sdk import Param, dag, task

from dags.supervision.batch import SparkBatchOperator
from dags.tasks.hours_to_learn import choose_hours
from firstcause.local.daemons.airflow_pools import BATCH_POOL

DOC = """
### What it does
Learns what every service does when nothing is wrong: what follows what, how long it takes, which
errors are always there. An incident is later compared with it, to name the culprit. Each hour is
learned 15 minutes after its end, and **only from its quiet parts**: without a drill, without an
incident that is loud (ten errors in 15 minutes, two services, or FATAL) and was not silenced
before, and five minutes on both sides of them. An hour in which a culprit can be named, although
nobody noticed a fault, is refused too. Hours that were missed are caught up, 24 at the most.

See it with `firstcause normal list` (hours, and why some were refused) and
`firstcause normal show SERVICE`.

### Learn again, learn now
Trigger it with *from* and *to* to learn these hours again, whole and as far as they are over:
each replaces what was learned of it. Where its logs are deleted by now, what was learned stays.
With *force* as well, exactly this time is learned, whatever it looks like: do this **only for a
time that you vouch for**, such as the first hour after a change that is here to stay. It replaces
what was learned of its hours, so give whole hours where you can. Without *from* and *to* it does
what is due.

### When it fails
* *Cassandra did not take part* or *does not answer*: `firstcause status`, then clear the task.
* *Another driver works on learn_normal*: a job started by hand is at work; wait for its end.
* *ended without a result*: the lines above it, or the job's log file, say why.

Nothing is lost by a failure: the normal in force stays, and the next run catches up.
"""

MOMENT: dict[str, Any] = {"type": ["null", "string"], "format": "date-time"}


@dag(
    doc_md=DOC,
    description="Learns from quiet hours what every service does when nothing is wrong",
    schedule="20 * * * *",
    # Without a start it begins with its next time, not in the middle of the first start of all.
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["root cause"],
    params={
        "from": Param(
            None,
            **MOMENT,
            title="From",
            description="Learn from this time on, again or early; empty: what is due.",
        ),
        "to": Param(None, **MOMENT, title="To", description="Up to this time."),
        "force": Param(
            False,
            type="boolean",
            title="Force",
            description="I vouch for this time: learn it in spite of incidents, drills and looks.",
        ),
    },
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1), "pool": BATCH_POOL},
)
def learn_normal() -> None:
    """Chooses hours, then learns them."""
    choose = task(
        execution_timeout=timedelta(minutes=5),
        doc_md="Chooses the hours to learn; skips the run when there are none. **When it fails**: "
        "Cassandra is away (`firstcause status`), or *from*, *to* and *force* do not fit together.",
    )(choose_hours)
    SparkBatchOperator(
        task_id="learn_hours",
        job="learn_normal",
        application="spark/learn_normal.py",
        arguments=choose(),
        execution_timeout=timedelta(hours=3),
        doc_md="Runs the Spark job; its result says what became of each hour. **When it fails**: "
        "read the last lines of the log, mend the cause, clear this task. The normal in force "
        "stays meanwhile.",
    )


learn_normal()
