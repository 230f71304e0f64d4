"""What a fork server imports and builds once, so that a DAG run in a fork of it need not.

The execution API has no lifespan entered, no thread and no connection: nothing that a fork would
share. A path that it does not have makes it build the routes of all its versions.
"""

from __future__ import annotations

import asyncio
import importlib
import threading

import httpx
from airflow.sdk.execution_time.supervisor import in_process_api_server

USED_BY_RUNS = (
    "airflow.dag_processing.collection",
    "airflow.dag_processing.dagbag",
    "airflow.jobs.job",
    "airflow.providers.standard.decorators.python",
    "airflow.sdk.execution_time.task_runner",
    "airflow.serialization.serialized_objects",
    "a2wsgi",
)


async def build_routes() -> None:
    transport = in_process_api_server().atransport
    async with httpx.AsyncClient(transport=transport, base_url="http://in-process.invalid") as api:
        answer = await api.get("/no-such-path")
    assert answer.status_code == httpx.codes.NOT_FOUND


for name in USED_BY_RUNS:
    importlib.import_module(name)
asyncio.run(build_routes())
# A fork copies no other thread, but the locks that they hold.
assert threading.active_count() == 1
