"""The DAG that injects a fault and checks that its incident is opened."""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import Param, dag, task

from dags.supervision.incident import AwaitIncidentOperator
from dags.tasks.drill import inject_fault
from firstcause.local.daemons.airflow_pools import BATCH_POOL
from generators.scenario import failing_scenario_names

DOC = """
### What it does
A fire drill for the whole way of the data. It sends traffic with a fault of your choice to the
topic `logs`, in real time, then waits until the analyzer has opened an incident for it, or
reopened that of an earlier drill. Its result (XCom of `await_incident`) tells the seconds from
the first error to the stored incident, the suspects, and the true culprit. One fault is one
incident, whatever the number of services that fail.

It fails when no incident is opened in time, or when the true culprit is not among its first three
suspects, also where the culprit logs no error itself (`slow_dependency`). Once something was
learned as normal (DAG `learn_normal`), the suspects are ranked by how they depart from it.

### When it fails
* *No incident was opened*: is the analyzer running (`firstcause status`)? Was the same drill run
  within the last 15 minutes? Its errors then join the incident that is still open, which has
  all the evidence it keeps.
* *does not suspect ...*: the incident is there, but points elsewhere. Look at it with
  `firstcause incidents`. *It began ... before this drill*: errors of another fault, such as the
  drill before, are in it as well, and its suspects are those of both. Drill again when it is
  resolved, 15 minutes after its last error. Otherwise this is a fault of the analysis, not of your
  installation.
* *left no ERROR*: raise the rate or the seconds.
"""


@dag(
    doc_md=DOC,
    description="Injects a fault and fails unless its incident names the culprit in time",
    schedule=None,
    start_date=pendulum.datetime(2025, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["drill"],
    params={
        "scenario": Param(
            "db_pool_exhausted",
            type="string",
            enum=failing_scenario_names(),
            title="Scenario",
            description="The fault to inject.",
        ),
        "rate": Param(
            50.0,
            type="number",
            minimum=1,
            maximum=5000,
            title="Rate (events a second)",
            description="Average of healthy traffic; the fault adds to it.",
        ),
        "seconds": Param(
            45.0,
            type="number",
            minimum=10,
            maximum=1800,
            title="Seconds",
            description="Length of the drill's traffic. The fault begins after five seconds.",
        ),
        "seed": Param(
            0,
            type="integer",
            minimum=0,
            title="Seed",
            description="Same seed and same start, same events.",
        ),
        "timeout_seconds": Param(
            120.0,
            type="number",
            minimum=1,
            maximum=1800,
            title="Time-out (seconds)",
            description="How long to wait for the incident after all events were sent.",
        ),
    },
    default_args={"retries": 1, "retry_delay": timedelta(seconds=10), "pool": BATCH_POOL},
)
def fault_drill() -> None:
    """Injects, then waits for the incident."""
    inject = task(
        execution_timeout=timedelta(hours=1),
        doc_md="Sends traffic with the fault. **When it fails**: read the last line of the log; "
        "mostly Kafka was away (`firstcause status`). Then trigger a new drill.",
    )(inject_fault)
    AwaitIncidentOperator(
        task_id="await_incident",
        injected=inject(),
        execution_timeout=timedelta(hours=1),
        doc_md="Waits for the incident and checks its suspects. **When it fails**: the last line "
        "of the log says whether there was no incident or a wrong one; see the DAG's docs.",
    )


fault_drill()
