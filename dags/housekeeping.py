"""The DAG that keeps log files and Airflow's own history within bounds."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, dag, task

from dags.tasks.housekeeping import clean_history, rotate_logs
from firstcause.local.daemons.airflow_pools import BATCH_POOL

DOC = """
### What it does
Each hour it sets aside log files of the services and Spark drivers that have grown beyond 20 MB
(`NAME.log.1`; the one before goes). Once a day, and when it is triggered by hand, it removes runs,
their task logs and audit entries of Airflow that are older than *keep days*. The run of
`stream_jobs` stays, however old: it lasts for months.

### When it fails
Nothing stops: files and tables grow until it works again.
* `rotate_logs`: the disk is full or a file belongs to another user; the last line names it.
* `clean_history`: PostgreSQL does not answer (`firstcause status`). Clear the task.
"""


@dag(
    doc_md=DOC,
    description="Rotates log files and removes Airflow's old runs",
    schedule="40 * * * *",
    # Without a start it begins with its next time, not in the middle of the first start of all.
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["repair"],
    params={
        "keep_days": Param(
            14,
            type="integer",
            minimum=1,
            maximum=3650,
            title="Keep days",
            description="So old runs of Airflow and their logs are kept.",
        ),
    },
    default_args={"retries": 2, "retry_delay": timedelta(minutes=1), "pool": BATCH_POOL},
)
def housekeeping() -> None:
    """Rotates, and once a day cleans."""
    task(
        execution_timeout=timedelta(minutes=10),
        doc_md="Sets large log files aside. **When it fails**: make room on the disk.",
    )(rotate_logs)()
    task(
        execution_timeout=timedelta(minutes=30),
        doc_md="Removes old runs, once a day. **When it fails**: look at `firstcause status`, then "
        "clear this task.",
    )(clean_history)()


housekeeping()
