"""The DAG that makes log events and sends them to Kafka."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import Param, dag, task

from firstcause.local.daemons.airflow_pools import BATCH_POOL
from generators.scenario import scenario_names

HEALTHY = "healthy"

DOC = """
### What it does
Simulates a shop of services and sends its log events to the topic `logs`, in real time. While
it is switched on (not paused), each run sends the events of one minute: a quiet, healthy
stream without an end. Trigger it by hand for another rate, a longer time or a fault scenario;
that run goes on beside the healthy stream. While this DAG is paused, a run that you trigger waits.

A run always makes the same events, also when it is tried again: nothing is stored twice.

### When it fails
* *Kafka does not answer*: `firstcause status`, then clear the task.
* *... messages were not delivered*: the log names Kafka's reason. Clear the task: all events of
  the run are sent again, and those that are stored already stay once.
* Unwanted altogether: pause this DAG. It is only a source of test traffic.
"""


@dag(
    doc_md=DOC,
    description="Sends simulated log events to Kafka, a minute at a time",
    schedule="* * * * *",
    start_date=pendulum.datetime(2025, 1, 1, tz="UTC"),
    catchup=False,
    # One by the schedule, one by hand.
    max_active_runs=2,
    # Test traffic does not belong into an installation unasked.
    is_paused_upon_creation=True,
    tags=["generation"],
    params={
        "rate": Param(
            20.0,
            type="number",
            exclusiveMinimum=0,
            maximum=5000,
            title="Rate (events a second)",
            description="Average of healthy traffic; a fault adds to it.",
        ),
        "seconds": Param(
            60.0,
            type="number",
            minimum=1,
            maximum=3600,
            title="Seconds",
            description="Length of the stream. Scheduled runs follow each other with 60.",
        ),
        "scenario": Param(
            HEALTHY,
            type="string",
            enum=[HEALTHY, *scenario_names()],
            title="Scenario",
            description="A fault that happens within the stream, or healthy traffic.",
        ),
        "seed": Param(
            0,
            type="integer",
            minimum=0,
            title="Seed",
            description="Same seed and same start, same events.",
        ),
        "spans": Param(
            False,
            type="boolean",
            title="Spans",
            description="Send the spans of the requests as well, to the topic `spans`.",
        ),
    },
    default_args={"retries": 2, "retry_delay": timedelta(seconds=10), "pool": BATCH_POOL},
)
def kafka_stream() -> None:
    """Generates and produces one stretch of events."""

    @task(
        execution_timeout=timedelta(hours=2),
        doc_md="Makes the events of this run and sends each when its time has come. **When it "
        "fails**: read the last line of the log, mend Kafka, clear this task.",
    )
    def send_events(params: Any = None, dag_run: Any = None) -> dict[str, Any]:
        from dags.tasks.producing import seed_of_run, send_live
        from generators.stream.event_stream import EventStream, GeneratorParameters

        # The run's own time, so that a retry makes the same events.
        start = dag_run.run_after
        stream = EventStream(
            GeneratorParameters(
                rate_per_second=float(params["rate"]),
                duration_seconds=float(params["seconds"]),
                scenario=None if params["scenario"] == HEALTHY else params["scenario"],
                seed=seed_of_run(params["seed"], start),
                start=start,
            ),
            with_spans=params["spans"],
        )
        report = send_live(stream.batches())
        return {"sent": report.sent, "bytes": report.bytes, "seconds": round(report.seconds, 1)}

    send_events()


kafka_stream()
