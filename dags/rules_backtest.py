"""The DAG that runs the rules of alerts over stored window metrics."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, dag, task

from dags.tasks.rules_backtest import list_alerts
from dags.tasks.time_span import MOMENT
from firstcause.local.daemons.airflow_pools import BATCH_POOL

DOC = """
### What it does
Lists the alerts that the rules of `ALERT_RULES` would have made of a time, by the engine that runs
live and with the same ids. Trigger it after a change of the rules, with the time of an incident, or
of quiet days. Nothing is stored and nobody is told.

The alerts are in the task's log, a line each, and in its result (*XCom*): the count, the count by
rule, and the first 500. On the command line the same is `firstcause rules backtest`.

### When it fails
* *From has to be before to*, *No rule is called ...*: trigger it with what the message says.
* a line of the file of rules: mend it (`firstcause rules check`), then clear the task.
* *Cassandra does not answer*: `firstcause status`, then clear the task.
"""


@dag(
    doc_md=DOC,
    description="Lists the alerts that the rules would have made of a time",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["alerts"],
    params={
        "from": Param(
            None, **MOMENT, title="From", description="Empty: a day before the end of the time."
        ),
        "to": Param(None, **MOMENT, title="To", description="Empty: now."),
        "rule": Param(
            None,
            type=["null", "string"],
            title="Rule",
            description="List the alerts of this rule alone; empty: of all rules.",
        ),
    },
    default_args={"retries": 1, "retry_delay": timedelta(seconds=30), "pool": BATCH_POOL},
)
def rules_backtest() -> None:
    """Lists the alerts."""
    task(
        execution_timeout=timedelta(hours=1),
        doc_md="Runs the rules and lists the alerts in its log and its result. **When it fails**: "
        "the last line of the log says what to mend; then clear this task.",
    )(list_alerts)()


rules_backtest()
