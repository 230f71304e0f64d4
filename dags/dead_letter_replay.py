"""The DAG that sends dead letters back to the topics of logs and spans."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import Param, dag, task

from firstcause.dead_letters.fixes import FIXES
from firstcause.dead_letters.headers import NOT_STORABLE, PROCESSING_FAILED
from firstcause.events.log_event import UnreadableReason
from firstcause.events.span_event import UnreadableSpanReason
from firstcause.local.daemons.airflow_pools import BATCH_POOL

# Both kinds share some; each is named once.
KINDS = dict.fromkeys(one.value for one in (*UnreadableReason, *UnreadableSpanReason))
REASONS = [*KINDS, PROCESSING_FAILED, NOT_STORABLE]

DOC = """
### What it does
Reads the dead letters, applies the fixes that you choose, and sends those that are readable now
back to `logs`, or to `spans` if they are from there: **each once**, however often you run it. A
run that was killed goes on where it stopped. What is still unreadable stays a dead letter; the
summary counts it by reason. Letters that arrive meanwhile wait for the next run.

Run it with *dry run* first: it shows what would be sent.
### Fixes
They are for log events; of spans, what is readable goes back as it is.
* `add_missing_offset`: a timestamp without an offset is taken as UTC.
* `default_level`: a missing level becomes INFO.
* `new_log_id`: an event without a valid log id gets one derived from its place in Kafka.

Without a fix it sends what has become readable since, such as a timestamp in the future.

### When it fails
*Kafka did not take the dead letters*: `firstcause status`, then clear the task. Messages go out
in transactions with a note of what was sent (topic `logs_dead_letter_replayed`; keep it).
"""


@dag(
    doc_md=DOC,
    description="Sends dead letters back to their topic, each once, after optional fixes",
    schedule=None,
    start_date=pendulum.datetime(2025, 1, 1, tz="UTC"),
    catchup=False,
    max_active_runs=1,
    tags=["repair"],
    params={
        "reasons": Param(
            [],
            type="array",
            items={"type": "string", "enum": REASONS},
            examples=REASONS,
            title="Reasons",
            description="Only letters with these reasons; none chosen: all but not_storable.",
        ),
        "fixes": Param(
            [],
            type="array",
            items={"type": "string", "enum": list(FIXES)},
            examples=list(FIXES),
            title="Fixes",
            description="What to mend before sending; none chosen: send as it is.",
        ),
        "max_count": Param(
            10_000,
            type="integer",
            minimum=1,
            maximum=1_000_000,
            title="At most",
            description="So many letters in this run; the others wait for the next.",
        ),
        "dry_run": Param(
            False,
            type="boolean",
            title="Dry run",
            description="Send nothing, only count what would be sent.",
        ),
    },
    default_args={"retries": 3, "retry_delay": timedelta(seconds=15), "pool": BATCH_POOL},
)
def dead_letter_replay() -> None:
    """Replays what the dead-letter topic holds now."""

    @task(
        execution_timeout=timedelta(hours=1),
        doc_md="Sends the chosen letters; its result counts what became of them. **When it "
        "fails**: read the last line of the log, mend Kafka, clear this task.",
    )
    def send_back(params: Any = None) -> dict[str, Any]:
        from airflow.sdk import BaseHook

        from dags.tasks.producing import KAFKA_CONNECTION
        from firstcause.dead_letters.replay import replay_dead_letters
        from firstcause.dead_letters.request import ReplayRequest
        from firstcause.kafka.topics import ensure_topics
        from firstcause.settings import load_settings

        settings = load_settings()
        ensure_topics(settings)
        request = ReplayRequest(
            reasons=frozenset(params["reasons"]),
            fixes=tuple(params["fixes"]),
            max_count=params["max_count"],
            dry_run=params["dry_run"],
        )
        connection = BaseHook.get_connection(KAFKA_CONNECTION).extra_dejson
        return {
            "dry_run": request.dry_run,
            **asdict(replay_dead_letters(settings, request, connection)),
        }

    send_back()


dead_letter_replay()
