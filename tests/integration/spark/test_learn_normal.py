"""The job that learns normal, on real Cassandra and Spark, and what its stores give back."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cassandra.cluster import Session
from cassandra.concurrent import execute_concurrent_with_args

from firstcause.events.log_event import LogEvent, read_log_event
from firstcause.events.span import Span
from firstcause.normal.composed_normal_store import ComposedNormalStore
from firstcause.normal.drills import record_drill
from firstcause.normal.learned_hour_store import LearnedHourStore
from firstcause.settings import PROJECT_ROOT, Settings
from firstcause.storage.stored_time import datetime_from_ms, ms_from_datetime
from generators.stream.event_stream import EventStream, GeneratorParameters
from root_cause.normal.learner import learn
from root_cause.quiet_hours.due_hours import HOUR_MS
from root_cause.quiet_hours.quiet_stretches import TimeRange
from root_cause.quiet_hours.whole_traces import starting_in
from tests.integration.log_analyzer.stored_incidents import put_incident
from tests.integration.spark.stored_logs import keep
from tests.streaming_driver import StoreDriver

pytestmark = [pytest.mark.integration, pytest.mark.timeout(600)]

HOUR = datetime(2026, 3, 2, 10, tzinfo=UTC)
HOUR_START_MS = ms_from_datetime(HOUR)
MINUTE_MS = 60_000


def generated(start: datetime, minutes: int, scenario: str | None = None) -> list[LogEvent]:
    parameters = GeneratorParameters(
        rate_per_second=8.0,
        duration_seconds=minutes * 60.0,
        scenario=scenario,
        seed=5,
        start=start,
        fault_start_seconds=1.0 if scenario else None,
        fault_duration_seconds=minutes * 60.0 - 1 if scenario else None,
    )
    received_ms = ms_from_datetime(start) + HOUR_MS
    return [
        read_log_event(value, received_ms)
        for batch in EventStream(parameters).batches()
        for value in batch.values
    ]


def keep_spans(session: Session, spans: Sequence[Span]) -> None:
    statement = session.prepare(
        "INSERT INTO spans (service_name, minute, shard, start, trace_id, span_id, parent_span_id, "
        "operation, start_ns, duration_us) VALUES (?, ?, 0, ?, ?, ?, ?, ?, ?, ?)"
    )
    rows = [
        (
            one.service_name,
            datetime_from_ms(one.start_ns // 1_000_000 // MINUTE_MS * MINUTE_MS),
            datetime_from_ms(one.start_ns // 1_000_000),
            one.trace_id,
            one.span_id,
            one.parent_span_id,
            one.operation,
            one.start_ns,
            one.duration_us,
        )
        for one in spans
    ]
    execute_concurrent_with_args(session, statement, rows, raise_on_first_error=True)


@pytest.fixture(scope="module")
def job(settings: Settings, product_env: dict[str, str], tmp_path_factory: Any) -> Any:
    home = tmp_path_factory.mktemp("learn")
    driver = StoreDriver(settings, {**product_env, "FIRSTCAUSE_HOME": str(home)})

    def run(*ranges: str) -> Any:
        result = home / "result.json"
        arguments = [part for one in ranges for part in ("--range", one)]
        command = [*driver.command()[:-1], str(PROJECT_ROOT / "spark" / "learn_normal.py")]
        done = subprocess.run(
            [*command, *arguments, "--result", str(result)],
            env=driver.environment(),
            cwd=PROJECT_ROOT,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=400,
            check=False,
        )
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-6000:]
        return json.loads(result.read_text())

    return run


def spans_by_ids(events: Iterable[LogEvent]) -> list[Span]:
    """A span for each that the logs tell of: from its first event to its last."""
    found: dict[tuple[str, str, str], list[LogEvent]] = {}
    for event in events:
        if event.trace_id and event.span_id:
            key = (event.trace_id, event.span_id, event.service_name)
            found.setdefault(key, []).append(event)
    spans = []
    for (trace_id, span_id, service_name), own in found.items():
        begin_ms = min(one.timestamp_ms - (one.latency_ms or 0.0) for one in own)
        end_ms = max(one.timestamp_ms for one in own)
        spans.append(
            Span(
                trace_id=trace_id,
                span_id=span_id,
                parent_span_id=own[0].parent_span_id,
                service_name=service_name,
                operation="",
                start_ns=int(begin_ms * 1_000_000),
                duration_us=int((end_ms - begin_ms) * 1_000),
            )
        )
    return spans


def an_hour(start: datetime) -> str:
    return f"{start.isoformat()}/{(start + timedelta(hours=1)).isoformat()}"


def everything(session: Session) -> dict[str, set[tuple[Any, ...]]]:
    tables = ("normal_hours", "normal_days", "normal_slices", "normal_versions", "normals")
    return {
        name: {tuple(map(repr, row)) for row in session.execute(f"SELECT * FROM {name}")}
        for name in tables
    }


def test_an_hour_is_learned_of_its_quiet_times_once_and_a_broken_one_refused(
    session: Session, job: Any
) -> None:
    events = generated(HOUR + timedelta(minutes=-1), 26)
    broken = generated(HOUR + timedelta(hours=1, minutes=10), 6, "db_pool_exhausted")
    # Equal seeds make equal trace ids, so each time has its own spans.
    spans = spans_by_ids(events)
    keep(session, [*events, *broken])
    keep_spans(session, [*spans, *spans_by_ids(broken)])
    put_incident(
        session, HOUR_START_MS + 11 * MINUTE_MS, HOUR_START_MS + 12 * MINUTE_MS, "resolved"
    )
    record_drill(session, "made_up", HOUR_START_MS - 3 * MINUTE_MS, HOUR_START_MS - 2 * MINUTE_MS)

    told = job(an_hour(HOUR), an_hour(HOUR + timedelta(hours=1)))

    stretches = [
        TimeRange(HOUR_START_MS + 3 * MINUTE_MS + 1, HOUR_START_MS + 6 * MINUTE_MS),
        TimeRange(HOUR_START_MS + 17 * MINUTE_MS + 1, HOUR_START_MS + 60 * MINUTE_MS),
    ]
    quiet, quiet_spans = starting_in(stretches, events, spans)
    expected = learn(quiet, quiet_spans)
    slices, normals = LearnedHourStore(session), ComposedNormalStore(session)
    record = slices.record(HOUR_START_MS)
    assert record is not None
    assert record.refused is None
    assert list(record.stretches) == stretches
    assert (record.events, record.traces) == (len(quiet), expected.traces)
    in_force = normals.load(HOUR_START_MS, 30.0)
    assert in_force is not None
    assert replace(in_force.normal, noise=expected.noise) == expected
    # Each half of a sample was ranked against the other.
    assert in_force.normal.noise.total() == 2
    assert told["version"] == in_force.version

    refused = slices.record(HOUR_START_MS + HOUR_MS)
    assert refused is not None
    assert refused.refused is not None
    assert refused.refused.startswith("looks broken: ")

    before = everything(session)
    again = job(an_hour(HOUR), an_hour(HOUR + timedelta(hours=1)))
    assert [one["changed"] for one in again["hours"]] == [False, False]
    assert again["version"] == told["version"]
    assert everything(session) == before
