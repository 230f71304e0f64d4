"""Runs one DAG by `dag.test()` and prints what came of it, as one line of JSON.

    python run_dag.py DAG_ID CONF_JSON [UNTRIED]

A process of its own, because Airflow reads its configuration when it is first imported. Tasks whose
id is the pattern UNTRIED count as done: `dag.test()` runs one task after the other, and each
streaming task takes its whole time.
"""

from __future__ import annotations

import json
import sys

from airflow.dag_processing.dagbag import DagBag
from airflow.models.xcom import XComModel
from airflow.utils.session import create_session
from sqlalchemy import select


def main(dag_id: str, conf: str, untried: str | None = None) -> None:
    bag = DagBag()
    assert bag.import_errors == {}, bag.import_errors
    run = bag.dags[dag_id].test(run_conf=json.loads(conf), mark_success_pattern=untried)
    with create_session() as session:
        xcoms = session.scalars(select(XComModel).where(XComModel.run_id == run.run_id)).all()
        values = {x.task_id: x.value for x in xcoms if x.key == "return_value"}
    states = {ti.task_id: str(ti.state) for ti in run.get_task_instances()}
    print("\nRESULT " + json.dumps({"state": str(run.state), "tasks": states, "xcoms": values}))


if __name__ == "__main__":
    main(*sys.argv[1:])
