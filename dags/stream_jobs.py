"""The DAG that keeps the Spark streaming jobs running."""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import Param, dag

from dags.supervision.driver_operator import StreamingDriverOperator
from dags.supervision.failure_notice import notify_task_failure
from dags.supervision.jobs import JOBS
from firstcause.local.daemons.airflow_pools import STREAM_PRIORITY

DOC = """
### What it does
Keeps the Spark streaming jobs running, one task a job. A task starts its driver and then
**defers**: it is purple for months, and that is right. A driver that dies is started again
within seconds; one that lives but finishes no batch is killed and started again. A restart of
Airflow, of its scheduler or of its triggerer leaves the drivers alone; where the scheduler is a
container, its restart ends them too, and they are started again.

### Switch on, switch off
* **On**: trigger a run. It stays on until a person ends it, also over a reboot. One run at a
  time: a second one waits in the queue.
* **Off**: mark the run (or one task) failed. The driver is gone within two seconds. Nothing
  starts it again by itself. What it had in hand is done again at the next start: no log is lost.
* **Restart one job**: clear its task. Changed settings reach it by `firstcause down`, then `up`.
* **Do not pause this DAG**: that stops nothing, but a driver that dies meanwhile is started
  again only when the DAG is switched on again.

### When it fails
A task fails when its driver was restarted ten times within 30 minutes, or five times without
finishing one batch, or said that no restart helps. The last line of the task log names the
driver's log file and what to do; the same line goes to `SLACK_CHANNEL`. Logs and spans wait in
Kafka meanwhile. Mend the cause, then
clear the task.
"""


@dag(
    doc_md=DOC,
    description="Keeps the Spark streaming jobs running: trigger = on, mark failed = off",
    schedule=None,
    start_date=pendulum.datetime(2025, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["streams"],
    params={
        "run_for_seconds": Param(
            0,
            type="number",
            minimum=0,
            title="Run for (seconds)",
            description="Finish the streams after so long and succeed. 0: run until stopped.",
        )
    },
    # For crashes of the worker itself; a driver's restarts are counted by the operator.
    default_args={"retries": 10, "retry_delay": timedelta(seconds=10)},
)
def stream_jobs() -> None:
    """One supervised driver a job."""
    for job in JOBS:
        StreamingDriverOperator(
            task_id=job.name,
            job=job.name,
            application=job.application,
            run_for_seconds="{{ params.run_for_seconds }}",
            doc_md=job.doc,
            on_failure_callback=notify_task_failure,
            # A driver that died is started before anything else that waits.
            priority_weight=STREAM_PRIORITY,
            weight_rule="absolute",
        )


stream_jobs()
