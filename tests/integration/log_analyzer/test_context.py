"""Context of incidents from real Cassandra: what is found, in which time, by how many."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import time
import uuid
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import orjson
import pytest
from cassandra.cluster import Session

from firstcause.errors import FirstcauseError
from firstcause.events.log_event import ERROR_LEVELS, LogEvent, read_log_event
from firstcause.incidents.view import IncidentContext, IncidentView, NormalRanking
from firstcause.local.process_record import ProcessRecord
from firstcause.local.service import record_path
from generators.scenario import failing_scenario_names
from generators.stream.event_stream import EventStream, GeneratorParameters
from log_analyzer.context.gatherer import ContextGatherer, GatherLimits
from log_analyzer.context.log_reader import PARTITION_ROWS, ContextLogReader
from log_analyzer.context.schedule import GATHER_PAUSE_MS, GATHERS_OF_A_STAGE
from log_analyzer.context.store import ContextStore
from log_analyzer.context.windows import MINUTE_MS, MINUTES_BACK, Window
from log_analyzer.incident_history.reader import IncidentReader
from log_analyzer.incidents.call_graph import CallGraphStore
from log_analyzer.notify.message_row import Waiting
from log_analyzer.notify.outbox import MessageOutbox
from log_analyzer.report.deterministic import deterministic_report
from log_analyzer.report.sections import report_sections
from log_analyzer.suspects.ranking_process import RankingRequest
from log_analyzer.suspects.window import window_around
from log_analyzer.workers.context import RANKING_MAX_MS, STORED_WAIT_MS, ContextWorker
from tests.installation import Installation
from tests.integration.log_analyzer.analyzer_parts import (
    DAY_MS,
    a_tracker,
    an_event,
    consumed,
    incidents_of,
)
from tests.integration.spark.stored_logs import store

pytestmark = pytest.mark.integration

GATHER_SECONDS = 3.0
# What is found must not depend on how busy the machine is.
PATIENT = GatherLimits(30.0, 30.0, 30.0, 30.0)


@pytest.fixture
def service() -> str:
    return f"payment-{random.randrange(10**9)}".translate(str.maketrans("0123456789", "abcdefghij"))


class Clock:
    """A wall clock that the test moves."""

    def __init__(self) -> None:
        self.ms = DAY_MS + 10**9

    def __call__(self) -> int:
        return self.ms


class OutboxOf(MessageOutbox):
    """The outbox as if it held these incidents alone, not those of the tests before."""

    def __init__(self, session: Session, incidents: Iterable[IncidentView]) -> None:
        super().__init__(session)
        self._ids = {one.incident_id for one in incidents}

    def waiting(self, state: str) -> list[Waiting]:
        return [one for one in super().waiting(state) if one.incident_id in self._ids]


def a_worker(
    session: Session, clock: Clock, *incidents: IncidentView, **parts: object
) -> ContextWorker:
    return ContextWorker(
        **{
            "store": ContextStore(session),
            "gatherer": ContextGatherer(session, PATIENT, clock_ms=clock),
            "outbox": OutboxOf(session, incidents),
            "reader": IncidentReader(session),
            "owner": uuid.uuid4().hex,
            "ranker": NothingLearned(),
            "clock_ms": clock,
            **parts,
        }
    )


class NothingLearned:
    """Ranks as where nothing is learned as normal."""

    def submit(self, _: RankingRequest) -> Future[NormalRanking | None]:
        found: Future[NormalRanking | None] = Future()
        found.set_result(None)
        return found

    def kill(self) -> None: ...


def gathers(session: Session, incident: IncidentView) -> int:
    return ContextStore(session).gathers(incident.incident_id).count


def a_scenario(name: str) -> tuple[str, list[LogEvent], list[dict[str, object]]]:
    """The culprit, what is stored around the fault and in the hour before, and the errors.

    Each scenario has a day of its own, so that none is the past of another.
    """
    day = datetime(2026, 3, 1, 11, 20, tzinfo=UTC) + timedelta(
        days=failing_scenario_names().index(name)
    )
    stream = EventStream(
        GeneratorParameters(12, 3_690, scenario=name, start=day, fault_start_seconds=3_605)
    )
    assert stream.scenario is not None
    fault = 60
    wanted = {fault - back for back in MINUTES_BACK} | set(range(fault - 2, fault + 3))
    logs: list[LogEvent] = []
    errors: list[dict[str, object]] = []
    for batch in stream.batches():
        for at_us, value in zip(batch.times_us.tolist(), batch.values, strict=True):
            if (at_us // 1_000 - int(day.timestamp() * 1_000)) // MINUTE_MS in wanted:
                logs.append(read_log_event(value, DAY_MS * 2))
                if logs[-1].is_error and at_us > (day.timestamp() + 3_605) * 1_000_000:
                    errors.append(orjson.loads(value))
    return stream.scenario.culprit, logs, errors


@pytest.mark.parametrize("name", failing_scenario_names())
def test_each_scenarios_culprit_is_found_in_the_stored_logs(session: Session, name: str) -> None:
    culprit, logs, errors = a_scenario(name)
    store(session, logs)
    changed: list[uuid.UUID] = []
    a_tracker(session, clock_ms=lambda: DAY_MS).record(consumed(errors))
    opened = {log.timestamp_ms for log in logs if log.is_error}
    services = {str(error["service_name"]) for error in errors}

    def of_this_day() -> list[IncidentView]:
        views = [view for service in services for view in incidents_of(session, service)]
        return [view for view in views if view.first_ms in opened]

    a_worker(session, Clock(), *of_this_day(), changed=changed.append).run_once()
    views = of_this_day()
    assert views
    for view in views:
        assert view.incident_id in changed
        assert view.context is not None
        suspect = view.context.suspects[0]
        assert suspect.service_name == culprit, view.title
        # A health check fails outside of any trace.
        if any(one.trace_id for one in view.evidence):
            assert suspect.log_ids
            assert any(one.level not in ERROR_LEVELS for one in view.context.trace_logs)
        assert deterministic_report(view, "").culprit_service == culprit
        assert "Timeline" in [one.title for one in report_sections(view)]
    told = [one for view in views if view.context for one in view.context.rate_changes]
    assert any(one.service_name == culprit for one in told)


def an_incident(
    session: Session, service: str, count: int = 3, **fields: object
) -> tuple[IncidentView, list[LogEvent]]:
    """An incident of errors that are not stored as logs yet."""
    # A trace of its own: what shares traces is one incident.
    trace_id, span_id = uuid.uuid4().hex, uuid.uuid4().hex[:16]
    errors = consumed(
        an_event(service, number, DAY_MS + number, trace_id=trace_id, span_id=span_id, **fields)
        for number in range(count)
    )
    a_tracker(session, clock_ms=lambda: DAY_MS).record(errors)
    [view] = incidents_of(session, service)
    return view, [error.event for error in errors]


def test_the_context_waits_for_the_store_job_but_not_for_long(session, service) -> None:
    view, _ = an_incident(session, service)
    clock = Clock()
    worker = a_worker(session, clock, view)
    worker.run_once()
    clock.ms += STORED_WAIT_MS - 1
    worker.run_once()
    assert gathers(session, view) == 0
    clock.ms += 1
    worker.run_once()
    [view] = incidents_of(session, service)
    assert view.context is not None
    # Of the errors alone, as the incident keeps them.
    assert [one.service_name for one in view.context.suspects] == [service]
    assert view.context.suspects[0].log_ids


def test_what_was_not_stored_yet_is_gathered_again_and_what_is_whole_is_not(
    session, service
) -> None:
    view, logs = an_incident(session, service)
    clock = Clock()
    worker = a_worker(session, clock, view)
    worker.run_once()
    clock.ms += STORED_WAIT_MS
    worker.run_once()
    assert gathers(session, view) == 1
    before = [
        an_event(service, 100 + number, DAY_MS - 5_000, level="WARN", message="pool is full")
        for number in range(3)
    ]
    store(session, [*logs, *(read_log_event(orjson.dumps(one), DAY_MS) for one in before)])
    clock.ms += GATHER_PAUSE_MS - 1
    worker.run_once()
    assert gathers(session, view) == 1
    clock.ms += GATHER_PAUSE_MS
    worker.run_once()
    assert gathers(session, view) == 2
    [view] = incidents_of(session, service)
    assert view.context is not None
    assert [one.message for one in view.context.logs_before] == ["pool is full"]
    clock.ms += 10 * GATHER_PAUSE_MS
    worker.run_once()
    assert gathers(session, view) == 2


def test_a_growing_incident_is_gathered_again_six_times_in_all(session, service) -> None:
    view, logs = an_incident(session, service)
    store(session, logs)
    clock = Clock()
    a_worker(session, clock, view).run_once()
    assert gathers(session, view) == 1
    reader, step = IncidentReader(session), 0

    class Growing:
        """The same incident with a service more at each look."""

        def read(self, incident: uuid.UUID) -> IncidentView | None:
            found = reader.read(incident)
            more = tuple(f"s{number}" for number in range(step))
            return found and dataclasses.replace(found, services=(*found.services, *more))

    worker = a_worker(session, clock, view, reader=Growing())
    for step in range(1, 12):  # noqa: B007 - read by Growing
        clock.ms += 2 * GATHER_PAUSE_MS
        worker.run_once()
    assert gathers(session, view) == GATHERS_OF_A_STAGE


def test_of_two_instances_one_gathers(session, service) -> None:
    view, logs = an_incident(session, service)
    store(session, logs)
    clock = Clock()
    counted: list[uuid.UUID] = []
    inner = ContextGatherer(session, PATIENT, clock_ms=clock)

    class Racing:
        """While the first gathers, the second has its pass."""

        def __getattr__(self, name: str) -> object:
            return getattr(inner, name)

        def gather(self, found: IncidentView) -> object:
            if found.incident_id == view.incident_id:
                a_worker(session, clock, view, changed=counted.append).run_once()
                counted.append(found.incident_id)
            return inner.gather(found)

    a_worker(session, clock, view, gatherer=Racing()).run_once()
    assert counted.count(view.incident_id) == 1
    assert gathers(session, view) == 1


class Slow:
    """Ranks when the test says so."""

    def __init__(self) -> None:
        self.asked: list[Future[NormalRanking | None]] = []
        self.kills = 0

    def submit(self, _: RankingRequest) -> Future[NormalRanking | None]:
        self.asked.append(Future())
        return self.asked[-1]

    def kill(self) -> None:
        self.kills += 1


def test_a_ranking_that_waits_for_its_turn_does_not_hang(session, service) -> None:
    found = [an_incident(session, f"{service}-{name}") for name in ("one", "two")]
    for _, logs in found:
        store(session, logs)
    clock, slow = Clock(), Slow()
    worker = a_worker(session, clock, *(view for view, _ in found), ranker=slow)
    worker.run_once()
    clock.ms += RANKING_MAX_MS - 1
    worker.run_once()
    assert (len(slow.asked), slow.kills) == (2, 0)
    slow.asked[0].set_result(None)
    worker.run_once()
    clock.ms += RANKING_MAX_MS - 1
    worker.run_once()
    assert slow.kills == 0
    clock.ms += 1
    worker.run_once()
    assert slow.kills == 1


def test_a_ranking_of_another_fault_is_not_shown_for_this_one(session, service) -> None:
    view, logs = an_incident(session, service)
    store(session, logs)
    clock, slow, contexts = Clock(), Slow(), ContextStore(session)
    for since_ms, is_kept in ((view.first_ms, True), (view.first_ms - 3_600_000, False)):
        window = window_around(since_ms)
        old = NormalRanking("auth", (), True, "v", 0, window.start_ms, window.end_ms, 9)
        contexts.write(view.incident_id, IncidentContext(0, ranking=old))
        clock.ms += GATHER_PAUSE_MS
        worker = a_worker(session, clock, view, ranker=slow)
        worker.run_once()
        slow.asked[-1].set_exception(FirstcauseError("no time"))
        worker.run_once()
        context = contexts.read(view.incident_id)
        assert context is not None
        assert (context.ranking == old) is is_kept


def test_an_incident_that_is_not_due_yet_is_left_alone(session, service) -> None:
    view, logs = an_incident(session, service)
    store(session, logs)
    outbox, clock = MessageOutbox(session), Clock()
    row = outbox.read(view.incident_id)
    assert row is not None
    assert outbox.move(dataclasses.replace(row, not_before_ms=clock.ms + 1))
    worker = a_worker(session, clock, view)
    worker.run_once()
    assert gathers(session, view) == 0
    clock.ms += 1
    worker.run_once()
    assert gathers(session, view) == 1


def test_a_sample_of_a_loud_service_is_bounded_and_says_what_time_it_covers(
    session, service
) -> None:
    loud = [
        read_log_event(
            orjson.dumps(an_event(service, number, DAY_MS + number * 20, level="INFO")), DAY_MS * 2
        )
        for number in range(1_500)
    ]
    store(session, loud)
    [sample] = ContextLogReader(session).of_windows(
        [Window(service, DAY_MS, DAY_MS + 30_000)], 30.0
    )
    assert sample.complete
    assert 0 < len(sample.logs) <= 4 * PARTITION_ROWS
    assert DAY_MS < sample.from_ms < DAY_MS + 30_000
    there = [log for log in loud if sample.from_ms <= log.timestamp_ms < sample.end_ms]
    assert {log.log_id for log in sample.logs} == {log.log_id for log in there}


@contextmanager
def frozen_cassandra(services: Installation) -> Iterator[None]:
    record = ProcessRecord.read(record_path(services.settings, "cassandra"))
    assert record is not None
    os.kill(record.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(record.pid, signal.SIGCONT)


def test_a_cassandra_that_hangs_makes_a_smaller_context_in_time(services, session, service) -> None:
    view, logs = an_incident(session, service)
    store(session, logs)
    assert ContextGatherer(session, PATIENT).gather(view).complete
    gatherer = ContextGatherer(session)
    with frozen_cassandra(services):
        began = time.monotonic()
        gathered = gatherer.gather(view)
        seconds = time.monotonic() - began
    # What bounds it are timeouts; the rest is what a busy machine takes for a little work.
    assert seconds < GATHER_SECONDS + 2
    assert not gathered.complete
    assert [one.service_name for one in gathered.context.suspects] == [service]
    assert gathered.context.rate_changes == ()


def test_calls_are_kept_once_and_a_late_trace_never_moves_them_back(session) -> None:
    graphs = CallGraphStore(session)
    graphs.save({("web", "shop"): DAY_MS, ("shop", "shop"): DAY_MS})
    graphs.save({("web", "shop"): DAY_MS - 50_000, ("shop", "bank"): DAY_MS})
    graph = graphs.load()
    assert graph.callees_of("web") == {"shop"}
    assert graph.callees_of("shop") == {"bank"}
    row = session.execute(
        "SELECT last_seen FROM service_calls WHERE caller = 'web' AND callee = 'shop'"
    ).one()
    assert row.last_seen.replace(tzinfo=UTC).timestamp() * 1_000 == DAY_MS


def test_the_newest_context_replaces_the_one_before(session) -> None:
    contexts, incident = ContextStore(session), uuid.uuid4()
    assert contexts.read(incident) is None
    for ms in (5, 9):
        contexts.write(incident, IncidentContext(ms))
    assert contexts.read(incident) == IncidentContext(9)
