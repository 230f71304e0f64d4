"""The DAG that measures, week by week, how often the true culprit is named."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, dag, task

from dags.tasks.evaluation import SYNTHETIC, compare_with_before, evaluate_cases
from firstcause.local.daemons.airflow_pools import BATCH_POOL

DOC = """
### What it does
Ranks labelled fault cases with the code that is installed, counts how often the true culprit
comes first, keeps the figures in Cassandra, and compares them with the run before **of the same
cases**. It fails when first or in-the-first-three falls by more than the margin, or when
confident-and-wrong rises at all, in the mean over systems or in one of them. So a change of the
code that makes the naming of culprits worse is seen within a week; trigger a run after an upgrade
to see it at once.

Without a setting the cases are generated, always the same ones. Put cases of your own incidents
into a folder (`cases.json`, a folder a case, a baseline a day: see docs/root-cause.md) and name it
in `EVALUATION_CASES_DIR`; several systems have a folder each, with a colon between. It needs
Cassandra alone, and half a second a case.

The history: `firstcause evaluations`, or cassandra/queries/evaluations.cql.

### When it fails
* `compare_with_before`, *Worse than ...*: the ranking names fewer culprits than with the code of
  the run before; the message names both commits and the types of fault. Look at what fails now with
  `firstcause evaluate DIR` (or `--synthetic COUNT --seed SEED`), and mend or roll back. The run
  stays in the history and is what the next one is compared with: accept it by doing nothing.
* `evaluate_cases`: the folder or a file in it is missing or unreadable; the last line of the log
  names it. This run is in the history too, as failed. Mend it and clear the task.
* *Cassandra does not answer*: `firstcause status`, then clear the task.
"""


@dag(
    doc_md=DOC,
    description="Measures how often the true culprit is named; fails when that gets worse",
    # Mondays, so that a week's changes are looked at when people are there.
    schedule="0 4 * * 1",
    # Without a start it begins with its next time, not in the middle of the first start of all.
    catchup=False,
    max_active_runs=1,
    tags=["evaluation"],
    params={
        "directory": Param(
            None,
            type=["null", "string"],
            title="Folders of labelled cases",
            description="One a system, a colon between. Empty: EVALUATION_CASES_DIR, and where "
            "that is not set, generated cases. "
            f"'{SYNTHETIC}': generated cases in any case.",
        ),
        "count": Param(
            40,
            type="integer",
            minimum=1,
            maximum=1000,
            title="Generated cases",
            description="Of all types of fault, a tenth of them quiet.",
        ),
        "seed": Param(
            7,
            type="integer",
            minimum=0,
            title="Seed",
            description="Same count and seed, same cases.",
        ),
        "with_spans": Param(
            False,
            type="boolean",
            title="With spans",
            description="The ranking sees the spans as well as the logs.",
        ),
        "margin": Param(
            0.02,
            type="number",
            minimum=0,
            maximum=1,
            title="Margin (share)",
            description="By so much first and in-the-first-three may fall; 0.02 is two points.",
        ),
    },
    default_args={"retries": 1, "retry_delay": timedelta(seconds=30), "pool": BATCH_POOL},
)
def evaluate_root_cause() -> None:
    """Evaluates, then compares."""
    evaluate = task(
        execution_timeout=timedelta(hours=2),
        doc_md="Ranks the cases and keeps the figures. **When it fails**: the last line of the "
        "log names the folder or file that cannot be read; mend it and clear this task.",
    )(evaluate_cases)
    compare = task(
        execution_timeout=timedelta(minutes=5),
        doc_md="Compares with the run before of the same cases. **When it fails**: the ranking "
        "got worse; the message says by how much and since which commit. See the DAG's docs.",
    )(compare_with_before)
    compare(evaluate())  # type: ignore[arg-type]  # an XCom stands for its value


evaluate_root_cause()
