"""The Spark jobs that the DAG `stream_jobs` keeps running."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class StreamJob:
    """One Spark job: its name, its application file, what its task's docs say."""

    name: str
    application: str
    doc: str


JOBS = (
    StreamJob(
        name="store_logs",
        application="spark/store_logs.py",
        doc=(
            "Stores every event of the topic `logs` in Cassandra; what cannot be read goes to "
            "`logs_dead_letter`.\n\n**When it fails**: read the last line of the task log. Mostly "
            "Cassandra or Kafka was away for long (`firstcause status`). Then clear this task: "
            "it goes on where it stopped."
        ),
    ),
    StreamJob(
        name="store_spans",
        application="spark/store_spans.py",
        doc=(
            "Stores every span of the topic `spans` in Cassandra; a message with a span that "
            "cannot be read goes to `logs_dead_letter` as well. It waits where no source sends "
            "spans.\n\n**When it fails**: as for `store_logs`. Logs and incidents do not need it."
        ),
    ),
    StreamJob(
        name="window_metrics",
        application="spark/window_metrics.py",
        doc=(
            "Measures the events of the topic `logs` by service and minute into the table "
            "`window_metrics`.\n\n**When it fails**: as for `store_logs`. Nothing is lost: it goes "
            "on where it stopped, and `metrics_backfill` makes windows anew from the stored logs."
        ),
    ),
    StreamJob(
        name="escalations",
        application="spark/escalations.py",
        doc=(
            "Reads `incident_alerts`, and escalates the third alert of a service within an hour to "
            "`incident_escalations`.\n\n**When it fails**: as for `store_logs`. It goes on where "
            "it stopped; escalations have the same ids."
        ),
    ),
)
