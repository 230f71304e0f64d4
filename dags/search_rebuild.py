"""The DAG that makes the search index again from the stored logs."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, dag, task

from dags.tasks.search_rebuild import rebuild_index
from dags.tasks.time_span import MOMENT
from firstcause.local.daemons.airflow_pools import BATCH_POOL

DOC = """
### What it does
Makes the logs of a time findable again: reads them from Cassandra, hour by hour from the newest on,
and puts them into the search index. What the index has already is replaced, and nothing is removed.
Trigger it after the index was lost, for logs that Kafka has no longer.

### Before it
1. Start the search-indexer once on the empty index: it reads again what Kafka still has. It does so
   only while the index is empty, so this comes before the run, or *to* stays empty.
2. Stop it for the run, because one process writes the index, and start it again after the run:

       firstcause down --only search-indexer
       firstcause up --only search-indexer

With Docker Compose these are `docker compose stop search-indexer` and `start search-indexer`.
Meanwhile new logs are not found by text; the search-indexer reads them when it runs again. The task
needs the folder of the index (`FIRSTCAUSE_HOME/search`) on Airflow's own machine.

### When it fails
* *Another process writes the search index*: stop the search-indexer. The task tries again each
  minute, five times; later, clear it.
* *The index takes no writes*: the disk is full, or the folder is not writable.
* *From has to be before to*: trigger it with other times.
* *Cassandra does not answer*: `firstcause status`, then clear the task.

A failure loses nothing: a repetition replaces what was written.
"""


@dag(
    doc_md=DOC,
    description="Makes the search index again from the stored logs",
    schedule=None,
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["search"],
    params={
        "from": Param(
            None,
            **MOMENT,
            title="From",
            description="Empty: as long before the end as the index keeps logs.",
        ),
        "to": Param(None, **MOMENT, title="To", description="Empty: now."),
    },
    default_args={"retries": 5, "retry_delay": timedelta(minutes=1), "pool": BATCH_POOL},
)
def search_rebuild() -> None:
    """Makes the index again."""
    task(
        execution_timeout=timedelta(hours=12),
        doc_md="Reads the stored logs and writes the index; its log tells each hour. **When it "
        "fails**: the last line of the log says what to mend; then clear this task.",
    )(rebuild_index)()


search_rebuild()
