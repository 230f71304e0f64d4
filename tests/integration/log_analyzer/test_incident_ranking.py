"""An incident's window is read from real Cassandra and ranked in a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures.process import BrokenProcessPool
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psutil
import pytest
from cassandra.cluster import Session

from cassandra import OperationTimedOut
from firstcause.events.log_event import LogEvent, read_log_event
from firstcause.normal.file_learning import learn_files
from firstcause.settings import PROJECT_ROOT, Settings
from generators.stream.event_stream import EventStream, GeneratorParameters
from log_analyzer.suspects import window_logs
from log_analyzer.suspects.neighbours import Neighbour
from log_analyzer.suspects.other_incidents import OtherIncidents
from log_analyzer.suspects.ranking_process import RankingProcess, RankingRequest
from log_analyzer.suspects.window import RankingWindow, window_around
from log_analyzer.suspects.window_logs import RankingLogs
from spark.store.service_activity import ServiceActivityTable, activity_of
from tests.integration.log_analyzer.analyzer_parts import (
    DAY_MS,
    a_tracker,
    an_event,
    consumed,
    eventually,
    incidents_of,
)
from tests.integration.spark.stored_logs import store

pytestmark = pytest.mark.integration

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)
SCENARIO = "slow_dependency"
CULPRIT = "pricing"
PATIENT_SECONDS = 60.0


def lines(seconds: float, start: datetime, scenario: str | None = None) -> list[bytes]:
    fault = {"fault_start_seconds": 5, "fault_duration_seconds": seconds - 5} if scenario else {}
    stream = EventStream(
        GeneratorParameters(50, seconds, scenario=scenario, seed=3, start=start, **fault)
    )
    return [value for batch in stream.batches() for value in batch.values]


@pytest.fixture(scope="module")
def stored(session: Session) -> list[LogEvent]:
    """The fault as the store job leaves it: events, their minutes, the services."""
    values = lines(45, NOON + timedelta(hours=1), SCENARIO)
    events = [read_log_event(value, 2**52) for value in values]
    store(session, events)
    seconds = [
        (event.service_name, datetime.fromtimestamp(event.timestamp_ms // 1000, UTC))
        for event in events
    ]
    ServiceActivityTable(session).write(activity_of(seconds))
    return events


@pytest.fixture(scope="module")
def request_of_fault(stored: list[LogEvent]) -> RankingRequest:
    errors = [event for event in stored if event.is_error]
    first = min(errors, key=lambda event: event.timestamp_ms)
    return RankingRequest(first.timestamp_ms, (first.service_name,))


@pytest.fixture
def process(settings: Settings, session: Session) -> Iterator[RankingProcess]:
    made = RankingProcess(settings)
    yield made
    made.close()


def window_of(request: RankingRequest) -> RankingWindow:
    return window_around(request.first_ms)


def test_before_anything_is_learned_a_window_is_compared_with_its_own_beginning(
    process: RankingProcess, request_of_fault: RankingRequest
) -> None:
    found = process.submit(request_of_fault).result(PATIENT_SECONDS)
    assert found.suspects
    assert not found.has_normal


def test_all_events_of_all_services_in_the_window_are_read(
    session: Session, stored: list[LogEvent], request_of_fault: RankingRequest
) -> None:
    window = window_of(request_of_fault)
    reading = RankingLogs(session).read(window, ["payment"], PATIENT_SECONDS)
    inside = [one for one in stored if window.start_ms <= one.timestamp_ms < window.end_ms]
    assert reading.whole
    assert sorted(one.log_id for one in reading.events) == sorted(one.log_id for one in inside)
    known = {one.log_id: one for one in stored}
    some = reading.events[0]
    assert (some.logger, some.latency_ms, some.attributes) == (
        known[some.log_id].logger,
        known[some.log_id].latency_ms,
        known[some.log_id].attributes,
    )


def test_of_too_many_events_whole_traces_are_read(
    session: Session,
    stored: list[LogEvent],
    request_of_fault: RankingRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(window_logs, "EVENTS_READ", 100)
    monkeypatch.setattr(window_logs, "LEAST_ROWS", 5)
    monkeypatch.setattr(window_logs, "TRACES_READ", 20)
    reading = RankingLogs(session).read(window_of(request_of_fault), (), PATIENT_SECONDS)
    assert not reading.whole
    every = Counter(one.trace_id for one in stored)
    read = Counter(one.trace_id for one in reading.events if one.trace_id)
    assert len(read) == 20
    assert all(every[trace] == count for trace, count in read.items())


def test_a_reading_that_takes_too_long_is_an_error_and_no_silence(
    session: Session, request_of_fault: RankingRequest
) -> None:
    with pytest.raises(OperationTimedOut):
        RankingLogs(session).read(window_of(request_of_fault), (), 0.0)


def test_the_errors_of_others_near_a_window_are_read_and_its_own_are_counted(
    session: Session,
) -> None:
    window = window_around(DAY_MS + 60_000)
    tracker = a_tracker(session)
    # Two services that know nothing of each other, and one that failed a day before.
    for service, at_ms, count in (("near-own", 60_000, 4), ("near-other", 90_000, 12)):
        tracker.record(
            consumed([an_event(service, n, DAY_MS + at_ms + 100 * n) for n in range(count)])
        )
    tracker.record(consumed([an_event("near-before", 1, DAY_MS - 86_400_000)]))
    [own] = incidents_of(session, "near-own")
    [other] = incidents_of(session, "near-other")
    found = OtherIncidents(session).near(own.incident_id, window)
    assert found.own_errors == 4
    assert found.neighbours == (Neighbour(DAY_MS + 90_000, DAY_MS + 91_100, 12),)
    ids = {uuid.UUID(bytes=one) for one in found.log_ids}
    assert ids == {uuid.UUID(one.log_id) for one in other.evidence}


@pytest.fixture
def learned(session: Session, tmp_path: Path) -> None:
    recording = tmp_path / "healthy.jsonl"
    recording.write_bytes(b"\n".join(lines(300, NOON)))
    learn_files(session, [recording], [], shift_to_now=False)


@pytest.mark.usefixtures("learned")
def test_the_silent_culprit_is_named_also_after_the_process_was_killed(
    process: RankingProcess, request_of_fault: RankingRequest
) -> None:
    found = process.submit(request_of_fault).result(PATIENT_SECONDS)
    assert found is not None
    assert (found.culprit, found.whole) == (CULPRIT, True)

    [child] = ranking_children(os.getpid())
    child.send_signal(signal.SIGSTOP)
    future = process.submit(request_of_fault)
    child.kill()
    with pytest.raises(BrokenProcessPool):
        future.result(PATIENT_SECONDS)
    again = process.submit(request_of_fault).result(PATIENT_SECONDS)
    assert again == found


PARENT = """
import sys, time
from firstcause.storage import cassandra
from firstcause.settings import load_settings
from log_analyzer.suspects.ranking_process import RankingProcess, RankingRequest

if __name__ == "__main__":
    settings = load_settings()
    with cassandra.session(settings) as session:
        process = RankingProcess(settings)
        process.submit(RankingRequest(int(sys.argv[1]), ())).result()
        print("ranked", flush=True)
        time.sleep(600)
"""


@pytest.mark.usefixtures("learned")
def test_the_process_ends_with_an_analyzer_that_is_killed(
    product_env: dict[str, str], request_of_fault: RankingRequest, tmp_path: Path
) -> None:
    script = tmp_path / "parent.py"
    script.write_text(PARENT)
    with subprocess.Popen(
        [sys.executable, str(script), str(request_of_fault.first_ms)],
        env={**product_env, "PYTHONPATH": str(PROJECT_ROOT)},
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "ranked\n"
        children = ranking_children(parent.pid)
        assert children
        parent.kill()
    with contextlib.suppress(psutil.NoSuchProcess):
        eventually(
            lambda: [one for one in children if one.is_running() and one.status() != "zombie"],
            lambda alive: not alive,
        )


def ranking_children(pid: int) -> list[psutil.Process]:
    return [
        one
        for one in psutil.Process(pid).children(recursive=True)
        if any("spawn_main" in part for part in one.cmdline())
    ]
